//! Brokers that die and leaders that move while a stream runs and a producer writes: nothing is lost, nothing comes twice.

use batchmill_tests::wait_until;

use crate::cluster::Cluster;
use crate::groups::{PARTITIONS, fed_topic, finish};
use crate::members::{Client, Member, wait_for_shares};
use crate::running::{Feeder, Reader};
use crate::{has_three_brokers, on_clusters, on_every_cluster, values};

/// Makes trouble to a topic of three partitions, and compares what a stream has read of it with what kcat reads afterwards.
fn through_trouble(cluster: &Cluster, name: &str, replicas: usize, trouble: impl Fn(&str, &Feeder)) {
    let settings = if replicas > 1 { &["min.insync.replicas=2"][..] } else { &[] };
    let topic = cluster.create_topic_with(name, 3, replicas, settings);
    let reader = Reader::start(cluster, &topic);
    let feeder = Feeder::start(cluster, &topic);
    reader.wait_for_more(200);
    trouble(&topic, &feeder);
    reader.wait_for_more(200);
    let count = feeder.finish();
    let log = cluster.read_by_kcat(&topic);
    let mut numbers: Vec<usize> = values(&log).iter().map(|value| value.parse().unwrap()).collect();
    numbers.sort_unstable();
    if cluster.release() < (0, 11) {
        // A producer without numbers of its own writes again what it does not know to be written.
        numbers.dedup();
    }
    assert_eq!(numbers, (0..count).collect::<Vec<_>>(), "what the producer wrote is in the log");
    assert_eq!(reader.finish(log.len()), log);
}

fn a_broker_that_is_killed_and_comes_back_loses_and_doubles_nothing() {
    on_every_cluster("killed broker", |cluster| {
        through_trouble(cluster, "killed-alone", 1, |_, feeder| {
            cluster.kill(1);
            feeder.wait_for_more(200);
            cluster.restart(1);
        });
    });
}

fn a_leader_that_is_killed_is_followed_by_another_and_nothing_is_lost_or_doubled() {
    on_clusters("killed leader", has_three_brokers, |cluster| {
        through_trouble(cluster, "killed-leader", 3, |topic, feeder| {
            cluster.move_leader(topic, 0, 2);
            cluster.kill(2);
            feeder.wait_for_more(200);
            cluster.restart(2);
        });
    });
}

fn a_leader_that_moves_loses_and_doubles_nothing() {
    on_clusters("moved leader", has_three_brokers, |cluster| {
        through_trouble(cluster, "moved", 3, |topic, feeder| {
            for broker in [2, 3, 1] {
                cluster.move_leader(topic, 0, broker);
                feeder.wait_for_more(100);
            }
        });
    });
}

batchmill_tests::scenarios! {
    a_broker_that_is_killed_and_comes_back_loses_and_doubles_nothing;
    a_leader_that_is_killed_is_followed_by_another_and_nothing_is_lost_or_doubled;
    a_leader_that_moves_loses_and_doubles_nothing;
}

#[test]
fn a_coordinator_that_is_killed_is_followed_by_another_and_the_members_go_on() {
    on_clusters("killed coordinator", has_three_brokers, |cluster| {
        let (topic, feeder) = fed_topic(cluster, "coordinated");
        let members = [0, 1].map(|_| Member::join(cluster, Client::Ours, &topic));
        let both = [&members[0], &members[1]];
        wait_for_shares("two have a half each", &both, vec![3, 3]);
        let broker = cluster.coordinator_of(&topic);
        cluster.kill(broker);
        let committed = || cluster.committed(&topic, PARTITIONS).into_iter().sum::<i64>();
        let before = committed();
        feeder.wait_for_more(200);
        wait_until("commits", || committed() >= before + 200);
        cluster.restart(broker);
        wait_for_shares("two have a half each", &both, vec![3, 3]);
        finish(feeder, &both);
    });
}
