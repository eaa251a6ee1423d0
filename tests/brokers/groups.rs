//! Groups of real brokers: processes of ours, of Kafka's own consumer and of librdkafka share a topic while a producer writes,
//! and nothing is lost, whatever becomes of a member. What a member leaves in order nobody reads twice; what is read twice
//! after another end is held against what was committed by `.ci/kill-loop`.
//!
//! A session lasts six seconds; the scenarios may run all at once.

use batchmill_tests::wait_until;

use crate::cluster::Cluster;
use crate::members::{Client, Member, read_by, wait_for_shares};
use crate::running::Feeder;
use crate::{has_three_brokers, on_three_clusters_at_once};

pub(crate) const PARTITIONS: usize = 6;

/// A topic, which is the name of its group too, and who writes to it.
pub(crate) fn fed_topic(cluster: &Cluster, name: &str) -> (String, Feeder) {
    let topic = cluster.create_topic_with(name, PARTITIONS, cluster.size(), &["min.insync.replicas=2"]);
    let feeder = Feeder::start(cluster, &topic);
    (topic, feeder)
}

/// Ends the feeder, and waits until all that it wrote was read. Returns what was read twice.
pub(crate) fn finish(feeder: Feeder, members: &[&Member]) -> Vec<usize> {
    let count = feeder.finish();
    wait_until("all records", || read_by(members).len() == count);
    let read = read_by(members);
    assert_eq!(read.keys().copied().collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
    read.into_iter().filter(|(_, times)| *times > 1).map(|(value, _)| value).collect()
}

#[test]
fn ours_come_and_go_in_order_and_each_record_is_read_once() {
    on_three_clusters_at_once("members come and go", has_three_brokers, |cluster| {
        let (topic, feeder) = fed_topic(cluster, "come-and-go");
        let mut first = Member::join(cluster, Client::Ours, &topic);
        wait_for_shares("one has all", &[&first], vec![6]);
        let second = Member::join(cluster, Client::Ours, &topic);
        wait_for_shares("two have a half each", &[&first, &second], vec![3, 3]);
        feeder.wait_for_more(200);
        first.leave();
        wait_for_shares("the other has all", &[&second], vec![6]);
        feeder.wait_for_more(200);
        assert_eq!(finish(feeder, &[&first, &second]), [0; 0]);
    });
}

#[test]
fn ours_share_with_java_and_librdkafka_and_nothing_is_lost_when_one_is_killed() {
    on_three_clusters_at_once("members of three clients", has_three_brokers, |cluster| {
        let (topic, feeder) = fed_topic(cluster, "three-clients");
        let mut ours = Member::join(cluster, Client::Ours, &topic);
        let mut java = Member::join(cluster, Client::Java, &topic);
        let librdkafka = Member::join(cluster, Client::Librdkafka, &topic);
        wait_for_shares("each has a third", &[&ours, &java, &librdkafka], vec![2, 2, 2]);
        feeder.wait_for_more(200);
        java.leave();
        wait_for_shares("two have a half each", &[&ours, &librdkafka], vec![3, 3]);
        feeder.wait_for_more(200);
        ours.kill();
        let again = Member::join(cluster, Client::Ours, &topic);
        wait_for_shares("another one has a half", &[&again, &librdkafka], vec![3, 3]);
        feeder.wait_for_more(200);
        finish(feeder, &[&ours, &java, &librdkafka, &again]);
    });
}

#[test]
fn a_paused_member_finds_that_others_have_its_partitions_and_commits_nothing_for_them() {
    on_three_clusters_at_once("paused member", has_three_brokers, |cluster| {
        let (topic, feeder) = fed_topic(cluster, "paused");
        let first = Member::join(cluster, Client::Ours, &topic);
        let second = Member::join(cluster, Client::Ours, &topic);
        wait_for_shares("two have a half each", &[&first, &second], vec![3, 3]);
        feeder.wait_for_more(200);
        second.pause();
        wait_for_shares("the other has all", &[&first], vec![6]);
        feeder.wait_for_more(200);
        let before = cluster.committed(&topic, PARTITIONS);
        second.go_on();
        wait_until("it learns that its session is over", || {
            let lost = ["session_lost", "membership_lost"];
            second.printed().told.iter().any(|told| lost.iter().any(|kind| told.starts_with(kind)))
        });
        wait_for_shares("two have a half each again", &[&first, &second], vec![3, 3]);
        let after = cluster.committed(&topic, PARTITIONS);
        assert!(before.iter().zip(&after).all(|(before, after)| before <= after), "{before:?} {after:?}");
        finish(feeder, &[&first, &second]);
    });
}
