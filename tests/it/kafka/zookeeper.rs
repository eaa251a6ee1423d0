//! The receiver stream as a member of a group in a fake ZooKeeper, where the brokers of a fake cluster are registered: the
//! scenarios of `receiver`, as far as they depend on who coordinates.

use std::sync::Arc;
use std::time::Duration;

use batchmill::{SteppedContext, StreamingContext};
use batchmill_sources::fake::kafka::{FakeKafka, Profile};
use batchmill_sources::fake::zookeeper::FakeZooKeeper;
use batchmill_sources::kafka::{self, Assignor, GroupError, KafkaError, KafkaParams};
use batchmill_tests::{DEADLINE, Recorder};

use super::receiver::{Records, produce, refusal, step_until};
use super::{context, kafka_error, params};

/// A cluster that is registered in a ZooKeeper, below a chroot.
struct Servers {
    zookeeper: FakeZooKeeper,
    cluster: FakeKafka,
}

impl Servers {
    fn start(profile: Profile, partitions: u16) -> Self {
        let zookeeper = FakeZooKeeper::start().unwrap();
        let cluster = FakeKafka::builder().profile(profile).zookeeper(&zookeeper, "/kafka");
        let cluster = cluster.topic("lines", partitions).start().unwrap();
        Self { zookeeper, cluster }
    }

    fn quorum(&self) -> String {
        format!("{}/kafka", self.zookeeper.connect_string())
    }

    /// A program in the group `g`, and what its batches saw.
    fn program(&self, params: KafkaParams) -> (SteppedContext, Records, Arc<Recorder>) {
        self.program_of(params, 1)
    }

    fn program_of(&self, params: KafkaParams, threads: usize) -> (SteppedContext, Records, Arc<Recorder>) {
        let (ssc, recorder) = context();
        // As in Spark: a bare string is a ZooKeeper quorum.
        let quorum = self.quorum();
        let records = kafka::create_reliable_stream(&ssc, quorum.as_str(), "g", [("lines", threads)], params);
        let seen = records.map(|record| (record.partition(), record.offset())).collect();
        (ssc.start_stepped().unwrap(), seen, recorder)
    }

    fn committed(&self, partitions: i32) -> Vec<Option<i64>> {
        let committed = |partition| {
            let data = self.zookeeper.get(&format!("/kafka/consumers/g/offsets/lines/{partition}"))?;
            String::from_utf8(data).unwrap().parse().ok()
        };
        (0..partitions).map(committed).collect()
    }

    /// Waits until so many members have all partitions among them.
    fn wait_for_shares(&self, shares: &[usize]) {
        let is_shared = |zookeeper: &FakeZooKeeper| {
            let mut counts = std::collections::BTreeMap::new();
            for partition in zookeeper.children("/kafka/consumers/g/owners/lines").unwrap_or_default() {
                let owner = zookeeper.get(&format!("/kafka/consumers/g/owners/lines/{partition}"));
                *counts.entry(owner).or_insert(0) += 1;
            }
            let mut have: Vec<usize> = counts.into_values().collect();
            have.sort_unstable();
            have == shares
        };
        assert!(self.zookeeper.wait_until(DEADLINE, is_shared), "{:?}", self.zookeeper);
    }

    fn session_of_first_member(&self) -> i64 {
        let ids = self.zookeeper.children("/kafka/consumers/g/ids").unwrap();
        self.zookeeper.node(&format!("/kafka/consumers/g/ids/{}", ids[0])).unwrap().stat.ephemeral_owner
    }
}

fn a_member_alone_reads_everything_from_every_release_with_a_zookeeper() {
    for profile in Profile::all().filter(|profile| *profile < Profile::V4_1) {
        let servers = Servers::start(profile, 2);
        produce(&servers.cluster, 2, &["a", "b"]);
        let (mut test, records, _) = servers.program(params());
        let [seen] = step_until([(&mut test, &records)], 4);
        assert_eq!(seen, [(0, 0), (0, 1), (1, 0), (1, 1)], "{profile:?}");
        test.stop_gracefully().unwrap();
        assert_eq!(servers.committed(2), [Some(2), Some(2)], "{profile:?}");
        assert_eq!(servers.zookeeper.children("/kafka/consumers/g/ids"), Some(vec![]), "{profile:?}");
        assert!(servers.zookeeper.sessions().is_empty(), "{profile:?}");
    }
}

fn a_group_goes_on_where_it_has_stopped() {
    let servers = Servers::start(Profile::V0_8, 1);
    produce(&servers.cluster, 1, &["a", "b"]);
    let (mut test, records, _) = servers.program(params());
    step_until([(&mut test, &records)], 2);
    test.stop_gracefully().unwrap();
    produce(&servers.cluster, 1, &["c"]);
    let (mut test, records, _) = servers.program(params());
    assert_eq!(step_until([(&mut test, &records)], 1), [[(0, 2)]]);
}

fn two_programs_share_the_partitions_and_one_takes_over_when_the_other_leaves() {
    let servers = Servers::start(Profile::V3_9, 4);
    let (mut one, of_one, told_one) = servers.program(params());
    told_one.wait_for_source("partitions_assigned", 1);
    let (mut two, of_two, _) = servers.program(params());
    servers.wait_for_shares(&[2, 2]);
    produce(&servers.cluster, 4, &["a", "b", "c"]);
    let [by_one, by_two] = step_until([(&mut one, &of_one), (&mut two, &of_two)], 12);
    assert_eq!((by_one.len(), by_two.len()), (6, 6));
    one.stop_gracefully().unwrap();
    servers.wait_for_shares(&[4]);
    produce(&servers.cluster, 4, &["d"]);
    let [by_two] = step_until([(&mut two, &of_two)], 4);
    assert_eq!(by_two, [(0, 3), (1, 3), (2, 3), (3, 3)], "nothing is repeated");
}

fn threads_are_shares_of_the_group() {
    let servers = Servers::start(Profile::V1_1, 6);
    let (mut two, of_two, _) = servers.program_of(params(), 2);
    let (mut one, of_one, _) = servers.program(params());
    servers.wait_for_shares(&[2, 2, 2]);
    produce(&servers.cluster, 6, &["a"]);
    let [by_two, by_one] = step_until([(&mut two, &of_two), (&mut one, &of_one)], 6);
    assert_eq!((by_two.len(), by_one.len()), (4, 2));
}

fn a_program_whose_session_expires_repeats_what_it_has_not_committed_and_loses_nothing() {
    let servers = Servers::start(Profile::V2_4, 1);
    produce(&servers.cluster, 1, &["a"]);
    let (mut test, records, told) = servers.program(params());
    step_until([(&mut test, &records)], 1);
    assert!(servers.zookeeper.wait_until(DEADLINE, |_| servers.committed(1) == [Some(1)]));
    servers.zookeeper.expire(servers.session_of_first_member());
    told.wait_for_source("session_lost", 1);
    told.wait_for_source("partitions_assigned", 2);
    produce(&servers.cluster, 1, &["b"]);
    assert_eq!(step_until([(&mut test, &records)], 1), [[(0, 1)]], "what was committed is not repeated");
}

fn partitions_and_brokers_that_come_are_found() {
    let zookeeper = FakeZooKeeper::start().unwrap();
    let cluster =
        FakeKafka::builder().brokers(2).zookeeper(&zookeeper, "/kafka").topic("lines", 1).start().unwrap();
    let servers = Servers { zookeeper, cluster };
    servers.cluster.stop_broker(1).unwrap();
    let ids = servers.zookeeper.children("/kafka/brokers/ids");
    assert_eq!(ids, Some(vec!["2".to_owned()]), "one that is down is not registered");
    let (mut test, records, told) = servers.program(params());
    told.wait_for_source("partitions_assigned", 1);
    servers.cluster.start_broker(1).unwrap();
    servers.cluster.add_partitions("lines", 1).unwrap();
    told.wait_for_source("partitions_assigned", 2);
    produce(&servers.cluster, 2, &["a"]);
    assert_eq!(step_until([(&mut test, &records)], 2), [[(0, 0), (1, 0)]]);
}

fn a_plain_stream_commits_on_its_timer() {
    let servers = Servers::start(Profile::V0_9, 1);
    let (ssc, _) = context();
    let params = params().set("auto.commit.interval.ms", "10");
    let quorum = servers.quorum();
    let records = kafka::create_stream(&ssc, quorum.as_str(), "g", [("lines", 1)], params);
    let seen = records.map(|record| (record.partition(), record.offset())).collect();
    let mut test: SteppedContext = ssc.start_stepped().unwrap();
    produce(&servers.cluster, 1, &["a", "b"]);
    step_until([(&mut test, &seen)], 2);
    assert!(servers.zookeeper.wait_until(DEADLINE, |_| servers.committed(1) == [Some(2)]));
}

fn told(servers: &Servers, quorum: &str, params: KafkaParams) -> String {
    let _ = servers;
    refusal(quorum.into(), &[("lines", 1)], params).to_string()
}

fn mistakes_are_told_at_the_start() {
    let servers = Servers::start(Profile::V3_9, 1);
    let quorum = servers.quorum();
    let error = told(&servers, "zk://a", params());
    assert!(error.contains("connect string"), "{error}");
    let error = told(&servers, "", params());
    assert!(error.contains("zookeeper.connect"), "{error}");
    let sticky = params().assignors([Assignor::Sticky]);
    assert!(told(&servers, &quorum, sticky).contains("shared out by range"));
    assert!(told(&servers, &quorum, params().set("consumer.id", "a/b")).contains("\"a/b\""));
    let error = told(&servers, &quorum, params().set("offsets.storage", "kafka"));
    assert!(error.contains("offsets.storage = kafka"), "{error}");
}

fn what_is_wrong_with_the_servers_is_told_at_the_start_with_group_and_member() {
    let servers = Servers::start(Profile::V3_9, 1);
    let address = servers.zookeeper.connect_string();
    let quick = || params().connect_timeout(Duration::from_millis(500)).instance_id("me");
    let names_all = |error: &str| {
        assert!(error.contains("\"g\"") && error.contains("\"g_me\""), "{error}");
    };
    // Without the chroot no broker is there.
    let error = refusal(address.as_str().into(), &[("lines", 1)], quick());
    let KafkaError::Group { cause: GroupError::NoBrokers { protocol }, .. } = kafka_error(&error) else {
        panic!("{error}")
    };
    assert_eq!(protocol, "PLAINTEXT");
    names_all(&error.to_string());
    let error = told(&servers, &format!("{address}/kafkas"), quick());
    assert!(error.contains("the chroot /kafkas does not exist"), "{error}");
    names_all(&error);
    let error = told(&servers, "127.0.0.1:9", quick());
    assert!(error.contains("127.0.0.1:9"), "{error}");
    names_all(&error);
    // A broker where a ZooKeeper should be.
    let error = told(&servers, &servers.cluster.bootstrap(), params().instance_id("me"));
    assert!(error.contains("Kafka"), "{error}");
    names_all(&error);
    servers.zookeeper.put("/kafka/brokers/ids/1", "nonsense");
    let error = told(&servers, &servers.quorum(), quick());
    assert!(error.contains("/brokers/ids/1") && error.contains("nonsense"), "{error}");
    names_all(&error);
}

fn a_topic_that_does_not_exist_is_an_error_and_nobody_has_joined() {
    let servers = Servers::start(Profile::V3_9, 1);
    let error = refusal(servers.quorum().into(), &[("line", 1)], params());
    assert!(matches!(kafka_error(&error), KafkaError::UnknownTopic { .. }), "{error}");
    assert_eq!(servers.zookeeper.children("/kafka/consumers"), None);
}

fn a_foreign_member_fails_the_next_batch_with_its_node() {
    let servers = Servers::start(Profile::V3_9, 1);
    servers.zookeeper.put("/kafka/consumers/g/ids/g_other", "nonsense");
    let (mut test, _, _) = servers.program(params());
    let error = super::step_until_error(&mut test).to_string();
    assert!(error.contains("/consumers/g/ids/g_other") && error.contains("nonsense"), "{error}");
}

fn a_stream_names_its_quorum_by_parameter() {
    let servers = Servers::start(Profile::V0_8, 1);
    produce(&servers.cluster, 1, &["a"]);
    let (ssc, _): (StreamingContext, _) = context();
    let params = params().set("zookeeper.connect", &servers.quorum());
    let records = kafka::create_reliable_stream(&ssc, "", "g", [("lines", 1)], params);
    let seen = records.map(|record| (record.partition(), record.offset())).collect();
    let mut test = ssc.start_stepped().unwrap();
    assert_eq!(step_until([(&mut test, &seen)], 1), [[(0, 0)]]);
}

batchmill_tests::scenarios! {
    a_member_alone_reads_everything_from_every_release_with_a_zookeeper;
    a_group_goes_on_where_it_has_stopped;
    two_programs_share_the_partitions_and_one_takes_over_when_the_other_leaves;
    threads_are_shares_of_the_group;
    a_program_whose_session_expires_repeats_what_it_has_not_committed_and_loses_nothing needs Nothing;
    partitions_and_brokers_that_come_are_found needs Kafka4;
    a_plain_stream_commits_on_its_timer;
    mistakes_are_told_at_the_start needs Nothing;
    what_is_wrong_with_the_servers_is_told_at_the_start_with_group_and_member needs Nothing;
    a_topic_that_does_not_exist_is_an_error_and_nobody_has_joined;
    a_foreign_member_fails_the_next_batch_with_its_node needs Nothing;
    a_stream_names_its_quorum_by_parameter needs Nothing;
}
