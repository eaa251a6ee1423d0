//! Groups in a real ZooKeeper: processes of ours and of Kafka's consumer before 0.9 share a topic while a producer writes, and
//! nothing is lost, whatever becomes of a member or of the ZooKeeper's servers. Of 4.x there is none: it has no ZooKeeper.
//!
//! A session lasts six seconds; the scenarios may run all at once.

use batchmill_sources::zookeeper::{Acl, CreateMode, ZooKeeper};
use batchmill_tests::wait_until;

use crate::cluster::Cluster;
use crate::groups::{PARTITIONS, finish};
use crate::members::{Client, Member, not_told_of, wait_for_shares};
use crate::on_clusters;
use crate::running::Feeder;
use crate::runs::{Runs, script};

/// A topic, which is the name of its group too, who writes to it, and the ZooKeeper of the cluster.
fn fed_topic(cluster: &Cluster, name: &str) -> (String, Feeder, String) {
    let topic = cluster.create_topic(name, PARTITIONS);
    let feeder = Feeder::start(cluster, &topic);
    (topic, feeder, cluster.quorum().expect("it has one"))
}

fn has_zookeeper(cluster: &Cluster) -> bool {
    cluster.quorum().is_some()
}

/// The releases whose jars have it.
fn has_old_consumer(cluster: &Cluster) -> bool {
    ["0.8.2.2", "0.9.0.1", "1.1.1"].contains(&cluster.version())
}

#[test]
fn ours_come_and_go_in_order_and_no_record_is_read_twice_untold() {
    on_clusters("members in zookeeper come and go", has_zookeeper, |cluster| {
        let (topic, feeder, quorum) = fed_topic(cluster, "zk-come-and-go");
        let ours = Client::OursIn(&quorum);
        let mut first = Member::join(cluster, ours, &topic);
        wait_for_shares("one has all", &[&first], vec![6]);
        let second = Member::join(cluster, ours, &topic);
        wait_for_shares("two have a half each", &[&first, &second], vec![3, 3]);
        feeder.wait_for_more(100);
        first.leave();
        wait_for_shares("the other has all", &[&second], vec![6]);
        feeder.wait_for_more(100);
        let again = finish(feeder, &[&first, &second]);
        assert_eq!(not_told_of(&again, &[&first, &second]), [0; 0]);
    });
}

#[test]
fn ours_share_with_old_consumers_and_nothing_is_lost_when_one_is_killed() {
    on_clusters("members with old consumers", has_old_consumer, |cluster| {
        let (topic, feeder, quorum) = fed_topic(cluster, "zk-old");
        let (ours, old) = (Client::OursIn(&quorum), Client::Old(&quorum));
        let mut first = Member::join(cluster, old, &topic);
        wait_for_shares("the old one has all", &[&first], vec![6]);
        let mut second = Member::join(cluster, ours, &topic);
        wait_for_shares("two have a half each", &[&first, &second], vec![3, 3]);
        feeder.wait_for_more(100);
        first.leave();
        wait_for_shares("ours has all", &[&second], vec![6]);
        let mut third = Member::join(cluster, old, &topic);
        wait_for_shares("two have a half each again", &[&second, &third], vec![3, 3]);
        feeder.wait_for_more(100);
        second.kill();
        wait_for_shares("the old one has all again", &[&third], vec![6]);
        let fourth = Member::join(cluster, ours, &topic);
        wait_for_shares("another one of ours has a half", &[&third, &fourth], vec![3, 3]);
        third.kill();
        wait_for_shares("ours has all again", &[&fourth], vec![6]);
        feeder.wait_for_more(100);
        finish(feeder, &[&first, &second, &third, &fourth]);
    });
}

#[test]
fn a_paused_member_finds_its_session_expired_and_commits_nothing_for_what_it_had() {
    let is_for = |cluster: &Cluster| has_zookeeper(cluster) && cluster.release() >= (3, 9);
    on_clusters("paused member in zookeeper", is_for, |cluster| {
        let (topic, feeder, quorum) = fed_topic(cluster, "zk-paused");
        let first = Member::join(cluster, Client::OursIn(&quorum), &topic);
        let second = Member::join(cluster, Client::OursIn(&quorum), &topic);
        wait_for_shares("two have a half each", &[&first, &second], vec![3, 3]);
        feeder.wait_for_more(100);
        second.pause();
        wait_for_shares("the other has all", &[&first], vec![6]);
        feeder.wait_for_more(100);
        let before = cluster.committed_at(&quorum, &topic, PARTITIONS);
        second.go_on();
        wait_until("it learns that its session is over", || {
            second.printed().told.iter().any(|told| told.starts_with("session_lost"))
        });
        wait_for_shares("two have a half each again", &[&first, &second], vec![3, 3]);
        let after = cluster.committed_at(&quorum, &topic, PARTITIONS);
        assert!(before.iter().zip(&after).all(|(before, after)| before <= after), "{before:?} {after:?}");
        let told = first.printed().told.clone();
        assert!(!told.iter().any(|told| told.starts_with("offset_overwritten")), "{told:?}");
        finish(feeder, &[&first, &second]);
    });
}

/// The ensemble holds the group; the brokers are registered there as they are where they have their own nodes.
#[test]
fn a_group_reads_on_while_its_ensemble_loses_the_leader() {
    let Some(ensemble) = Runs::read().and_then(|runs| runs.servers("ensemble").map(str::to_owned)) else {
        return println!("ensemble without leader: skipped, it does not run");
    };
    let is_for = |cluster: &Cluster| cluster.name() == "2.8.2";
    on_clusters("ensemble without leader", is_for, |cluster| {
        let (topic, feeder, own) = fed_topic(cluster, "zk-ensemble");
        let chroot = format!("/group-{}", std::process::id());
        let (from, to) = (ZooKeeper::connect(&own).unwrap(), ZooKeeper::connect(&ensemble).unwrap());
        let copy = |path: &str| {
            let (parent, _) = path.rsplit_once('/').expect("a path has a slash");
            to.create_all(&format!("{chroot}{parent}"), b"", &Acl::Open).unwrap();
            let data = from.get(path).unwrap().0;
            to.create(&format!("{chroot}{path}"), &data, CreateMode::Persistent, &Acl::Open).unwrap();
        };
        for id in from.children("/brokers/ids").unwrap().0 {
            copy(&format!("/brokers/ids/{id}"));
        }
        copy(&format!("/brokers/topics/{topic}"));

        let quorum = format!("{ensemble}{chroot}");
        let first = Member::join(cluster, Client::OursIn(&quorum), &topic);
        let mut second = Member::join(cluster, Client::OursIn(&quorum), &topic);
        wait_for_shares("two have a half each", &[&first, &second], vec![3, 3]);
        feeder.wait_for_more(100);
        let leader = script(&["ensemble", "kill-leader"]);
        feeder.wait_for_more(100);
        second.leave();
        wait_for_shares("the other has all", &[&first], vec![6]);
        feeder.wait_for_more(100);
        let again = finish(feeder, &[&first, &second]);
        assert_eq!(not_told_of(&again, &[&first, &second]), [0; 0], "both sessions have gone on");
        assert!(!first.printed().told.iter().any(|told| told.starts_with("session_lost")));
        script(&["ensemble", "restart", leader.trim()]);
    });
}
