//! The receiver stream as a member of a group that a fake broker coordinates: who reads what, what is committed, and what
//! becomes of it when members come, go and die.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use batchmill::{Collected, Error, SteppedContext, StopHandle, StreamingContext};
use batchmill_sources::fake::kafka::{ApiKey, FakeKafka, Profile};
use batchmill_sources::kafka::{self, Assignor, KafkaError, KafkaParams, KafkaServers};
use batchmill_tests::{DEADLINE, Event, Recorder};

use super::{builder, context, kafka_error};

pub(super) type Records = Collected<(i32, i64)>;

/// As those of the other scenarios, with signs of life that do not make a test wait.
fn params() -> KafkaParams {
    super::params().heartbeat_interval(Duration::from_millis(20))
}

fn servers(cluster: &FakeKafka) -> KafkaServers {
    KafkaServers::brokers(cluster.bootstrap())
}

/// A program in the group `g`, and what its batches saw.
fn program(cluster: &FakeKafka, params: KafkaParams) -> (SteppedContext, Records, Arc<Recorder>) {
    let (ssc, recorder) = context();
    let records = kafka::create_reliable_stream(&ssc, servers(cluster), "g", [("lines", 1)], params);
    let seen = records.map(|record| (record.partition(), record.offset())).collect();
    (ssc.start_stepped().unwrap(), seen, recorder)
}

/// Steps the programs in turn until their batches saw so many records in all, and returns what each saw.
pub(super) fn step_until<const N: usize>(
    programs: [(&mut SteppedContext, &Records); N],
    count: usize,
) -> [Vec<(i32, i64)>; N] {
    let mut seen = [const { Vec::new() }; N];
    let mut programs = programs;
    for _ in 0..100_000 {
        for ((test, records), seen) in programs.iter_mut().zip(&mut seen) {
            test.step_batch().unwrap();
            seen.extend(records.take_all());
        }
        if seen.iter().map(Vec::len).sum::<usize>() >= count {
            seen.iter_mut().for_each(|seen| seen.sort_unstable());
            return seen;
        }
        std::thread::yield_now();
    }
    panic!("{count} records did not come, only {seen:?}");
}

/// Waits until the group is stable with so many members, each with so many partitions.
fn wait_for_shares(cluster: &FakeKafka, shares: &[usize]) {
    let is_shared = |cluster: &FakeKafka| {
        let Some(group) = cluster.group("g") else { return false };
        let mut have: Vec<usize> = group.members.iter().map(|member| member.partitions.len()).collect();
        have.sort_unstable();
        have == shares && group.members.iter().all(|member| !member.is_waiting)
    };
    assert!(cluster.wait_until(DEADLINE, is_shared), "{:?}", cluster.group("g"));
}

pub(super) fn produce(cluster: &FakeKafka, partitions: i32, values: &[&str]) {
    for partition in 0..partitions {
        cluster.produce("lines", partition, values.to_vec()).unwrap();
    }
}

fn committed(cluster: &FakeKafka, partitions: i32) -> Vec<Option<i64>> {
    let committed = |partition| cluster.committed("g", "lines", partition).map(|committed| committed.offset);
    (0..partitions).map(committed).collect()
}

#[test]
fn a_member_alone_reads_everything_from_every_release_with_groups() {
    for profile in Profile::all().filter(|profile| *profile != Profile::V0_8) {
        let cluster = FakeKafka::builder().profile(profile).topic("lines", 2).start().unwrap();
        produce(&cluster, 2, &["a", "b"]);
        let (mut test, records, _) = program(&cluster, params());
        let [seen] = step_until([(&mut test, &records)], 4);
        assert_eq!(seen, [(0, 0), (0, 1), (1, 0), (1, 1)], "{profile:?}");
        test.stop_gracefully().unwrap();
        assert_eq!(committed(&cluster, 2), [Some(2), Some(2)], "{profile:?}");
        assert!(cluster.group("g").unwrap().members.is_empty(), "{profile:?}");
    }
}

#[test]
fn a_cluster_that_cannot_be_asked_is_an_error_that_names_brokers_group_and_member() {
    let cluster = FakeKafka::builder().topic("lines", 1).start().unwrap();
    // As a broker that wants SASL does when it is asked without.
    let _closed = cluster.on(ApiKey::METADATA).always().disconnect();
    let (ssc, _) = context();
    let params = params().instance_id("a").request_timeout(Duration::from_millis(50));
    kafka::create_reliable_stream(&ssc, servers(&cluster), "g", [("lines", 1)], params).count().print();
    let Err(error) = ssc.start_stepped() else { panic!("it has started") };
    let KafkaError::Member { group, member, cause } = kafka_error(&error) else { panic!("{error}") };
    assert_eq!((&**group, &**member), ("g", "a"));
    assert!(matches!(**cause, KafkaError::NoBroker { .. }), "{cause:?}");
    let text = error.to_string();
    let wanted = ["\"a\" of group \"g\"", &cluster.bootstrap(), "wants SASL or TLS"];
    assert!(wanted.iter().all(|part| text.contains(part)), "{text}");
}

#[test]
fn a_group_goes_on_where_it_has_stopped() {
    let cluster = FakeKafka::builder().topic("lines", 1).start().unwrap();
    produce(&cluster, 1, &["a", "b"]);
    let (mut test, records, _) = program(&cluster, params());
    step_until([(&mut test, &records)], 2);
    test.stop_gracefully().unwrap();
    produce(&cluster, 1, &["c"]);
    let (mut test, records, _) = program(&cluster, params());
    assert_eq!(step_until([(&mut test, &records)], 1), [[(0, 2)]]);
}

#[test]
fn two_programs_share_the_partitions_and_one_takes_over_when_the_other_leaves() {
    let cluster = FakeKafka::builder().topic("lines", 4).start().unwrap();
    let (mut one, of_one, told_one) = program(&cluster, params());
    told_one.wait_for_source("partitions_assigned", 1);
    let (mut two, of_two, told_two) = program(&cluster, params());
    told_two.wait_for_source("partitions_assigned", 1);
    told_one.wait_for_source("partitions_revoked", 1);
    produce(&cluster, 4, &["a", "b", "c"]);
    let [by_one, by_two] = step_until([(&mut one, &of_one), (&mut two, &of_two)], 12);
    assert_eq!((by_one.len(), by_two.len()), (6, 6));

    one.stop_gracefully().unwrap();
    wait_for_shares(&cluster, &[4]);
    produce(&cluster, 4, &["d"]);
    let [by_two] = step_until([(&mut two, &of_two)], 4);
    assert_eq!(by_two, [(0, 3), (1, 3), (2, 3), (3, 3)], "nothing is repeated");
}

/// Says that a program may end, once it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_member_that_waits_at_a_rebalance_commits_what_its_batch_has() {
    for assignor in [Assignor::Range, Assignor::CooperativeSticky] {
        waits_at_a_rebalance(assignor);
    }
}

fn waits_at_a_rebalance(assignor: Assignor) {
    let cluster = FakeKafka::builder().topic("lines", 2).start().unwrap();
    produce(&cluster, 2, &["a", "b"]);
    let params = params().rebalance_wait(DEADLINE).assignors([assignor]);
    let (ssc, _) = context();
    let stream = kafka::create_reliable_stream(&ssc, servers(&cluster), "g", [("lines", 1)], params.clone());
    let (begins, begun) = mpsc::channel();
    let (ends, may_end) = mpsc::channel();
    let may_end = Mutex::new(may_end);
    stream.for_each_batch(move |batch| {
        if batch.len().unwrap() > 0 {
            begins.send(()).unwrap();
            may_end.lock().unwrap().recv().unwrap();
        }
    });
    let of_one = stream.map(|record| (record.partition(), record.offset())).collect();
    let mut one = ssc.start_stepped().unwrap();
    let is_over = AtomicBool::new(false);
    let of_two = std::thread::scope(|scope| {
        // When the test fails, the program ends as well.
        let (ends, over) = (ends, Over(&is_over));
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                one.step_batch().unwrap();
                std::thread::yield_now();
            }
        });
        begun.recv().unwrap();
        // While the batch runs another member comes, and the first hears of it: by the answer to its next sign of life, or
        // before the one after that.
        let first = cluster.requests_of(ApiKey::JOIN_GROUP)[0].connection;
        let heartbeats = || {
            let all = cluster.requests_of(ApiKey::HEARTBEAT).into_iter();
            all.filter(|seen| seen.connection == first).count()
        };
        let (mut two, of_two, _) = program(&cluster, params);
        assert!(cluster.wait_until(DEADLINE, |cluster| cluster.group("g").unwrap().members.len() == 2));
        let before = heartbeats();
        assert!(cluster.wait_until(DEADLINE, |_| heartbeats() >= before + 2));
        // Later ones have as much time as they want.
        for _ in 0..1_000 {
            ends.send(()).unwrap();
        }
        wait_for_shares(&cluster, &[1, 1]);
        produce(&cluster, 2, &["c"]);
        let mut seen = Vec::new();
        while seen.is_empty() {
            let [more] = step_until([(&mut two, &of_two)], 1);
            seen.extend(more);
        }
        let all = |cluster: &FakeKafka| committed(cluster, 2) == [Some(3), Some(3)];
        while !all(&cluster) {
            two.step_batch().unwrap();
            std::thread::yield_now();
        }
        drop(over);
        seen.extend(of_two.take_all());
        seen
    });
    let mut all: Vec<_> = of_one.take_all().into_iter().chain(of_two).collect();
    all.sort_unstable();
    assert_eq!(all, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)], "{assignor:?}: nothing is read twice");
}

#[test]
fn a_partition_that_stays_is_neither_repeated_nor_begun_anew() {
    let cluster = FakeKafka::builder().topic("lines", 2).start().unwrap();
    produce(&cluster, 2, &["a"]);
    let (mut one, of_one, told) = program(&cluster, params());
    step_until([(&mut one, &of_one)], 2);
    let (mut two, of_two, told_two) = program(&cluster, params());
    told_two.wait_for_source("partitions_assigned", 1);
    told.wait_for_source("partitions_revoked", 1);
    produce(&cluster, 2, &["b"]);
    let [by_one, by_two] = step_until([(&mut one, &of_one), (&mut two, &of_two)], 2);
    assert_eq!((by_one.len(), by_two.len()), (1, 1));
    let kept = format!("lines-{}", by_one[0].0);
    let is_of_kept = |event: &Event| match event {
        Event::Source(event) => event.kind.starts_with("partitions_") && event.detail.contains(&kept),
        _ => false,
    };
    let told_of_kept = told.events().iter().filter(|event| is_of_kept(event)).count();
    assert_eq!(told_of_kept, 1, "it was assigned once and never taken away");
}

#[test]
fn what_a_dead_member_has_not_committed_is_read_by_another() {
    let cluster = FakeKafka::builder().topic("lines", 1).start().unwrap();
    produce(&cluster, 1, &["a"]);
    let (mut one, of_one, _) = program(&cluster, params());
    step_until([(&mut one, &of_one)], 1);
    let first = cluster.group("g").unwrap().members[0].id.clone();
    assert!(cluster.wait_until(DEADLINE, |cluster| committed(cluster, 1) == [Some(1)]));
    // To the group it is dead. It does not know yet, and may read what it has lost.
    let (mut two, of_two, _) = program(&cluster, params());
    cluster.expire_member("g", &first).unwrap();
    produce(&cluster, 1, &["b"]);
    let [by_one, by_two] = step_until([(&mut one, &of_one), (&mut two, &of_two)], 1);
    let all = [by_one, by_two].concat();
    assert!(all.iter().all(|record| *record == (0, 1)), "what was committed is not repeated: {all:?}");
}

#[test]
fn threads_are_shares_of_the_group() {
    let cluster = FakeKafka::builder().topic("lines", 6).start().unwrap();
    let (ssc, _) = context();
    let stream = kafka::create_reliable_stream(&ssc, servers(&cluster), "g", [("lines", 2)], params());
    let of_two = stream.map(|record| (record.partition(), record.offset())).collect();
    let mut two = ssc.start_stepped().unwrap();
    let (mut one, of_one, told) = program(&cluster, params());
    told.wait_for_source("partitions_assigned", 1);
    wait_for_shares(&cluster, &[2, 2, 2]);
    produce(&cluster, 6, &["a"]);
    let [by_two, by_one] = step_until([(&mut two, &of_two), (&mut one, &of_one)], 6);
    assert_eq!((by_two.len(), by_one.len()), (4, 2));
}

#[test]
fn several_streams_of_one_group_are_united() {
    let cluster = FakeKafka::builder().topic("lines", 4).start().unwrap();
    let (ssc, _) = context();
    let stream = |_| kafka::create_stream(&ssc, servers(&cluster), "g", [("lines", 1)], params());
    let all: Vec<_> = (0..3).map(stream).collect();
    let records = ssc.union(&all).map(|record| (record.partition(), record.offset())).collect();
    let mut test = ssc.start_stepped().unwrap();
    wait_for_shares(&cluster, &[1, 1, 2]);
    produce(&cluster, 4, &["a", "b"]);
    let [seen] = step_until([(&mut test, &records)], 8);
    let mut of_partition = BTreeMap::new();
    seen.iter().for_each(|(partition, _)| *of_partition.entry(*partition).or_insert(0) += 1);
    assert_eq!(of_partition, BTreeMap::from([(0, 2), (1, 2), (2, 2), (3, 2)]));
}

#[test]
fn a_stream_of_the_real_clock_reads_and_stops_within_its_time() {
    let cluster = FakeKafka::builder().topic("lines", 2).start().unwrap();
    let ssc = builder().batch_interval(Duration::from_millis(10)).build().unwrap();
    let (told, counts) = std::sync::mpsc::channel();
    let stop: StopHandle = ssc.stop_handle();
    // Without ends that are asked for: as a program runs it.
    let params = KafkaParams::from([("auto.offset.reset", "smallest"), ("heartbeat.interval.ms", "20")]);
    let stream = kafka::create_reliable_stream(&ssc, servers(&cluster), "g", [("lines", 1)], params);
    stream.for_each_batch(move |batch| {
        let count = batch.len()?;
        if count > 0 {
            let _ = told.send(count);
        }
        Ok::<(), Error>(())
    });
    let running = ssc.start().unwrap();
    produce(&cluster, 2, &["a"; 50]);
    let mut all = 0;
    while all < 100 {
        all += counts.recv_timeout(DEADLINE).unwrap();
    }
    assert_eq!(all, 100);
    stop.stop_gracefully(Duration::from_secs(10));
    assert!(running.await_termination().unwrap().is_clean());
    assert_eq!(committed(&cluster, 2), [Some(50), Some(50)]);
}

/// What `start` says of a stream of these.
pub(super) fn refusal(servers: KafkaServers, topics: &[(&str, usize)], params: KafkaParams) -> Error {
    let ssc: StreamingContext = builder().build().unwrap();
    let topics = topics.iter().copied();
    kafka::create_reliable_stream(&ssc, servers, "g", topics, params).count().collect();
    match ssc.start_stepped() {
        Ok(_) => panic!("it has started"),
        Err(error) => error,
    }
}

#[test]
fn a_topic_that_does_not_exist_is_an_error_with_the_nearest_that_does() {
    let cluster = FakeKafka::builder().topic("lines", 1).start().unwrap();
    let error = refusal(servers(&cluster), &[("line", 1)], params());
    let KafkaError::UnknownTopic { topic, did_you_mean } = kafka_error(&error) else { panic!("{error}") };
    assert_eq!((&**topic, did_you_mean.as_deref()), ("line", Some("lines")));
    assert!(cluster.groups().is_empty(), "nobody has joined");
}

#[test]
fn mistakes_are_told_at_the_start() {
    let cluster = FakeKafka::builder().topic("lines", 1).start().unwrap();
    let told = |topics: &[(&str, usize)], params| refusal(servers(&cluster), topics, params).to_string();
    assert!(told(&[], params()).contains("there is no topic to read"));
    assert!(told(&[("lines", 0)], params()).contains("read by 0 threads"));
    assert!(told(&[("lines", 1), ("lines", 2)], params()).contains("named twice"));
    let both = params().set("session.timeout.ms", "10").set("heartbeat.interval.ms", "20");
    assert!(told(&[("lines", 1)], both).contains("comes too late"));
    let brokers = |list: &str| refusal(KafkaServers::brokers(list), &[("lines", 1)], params()).to_string();
    let hint = "a path is part of a ZooKeeper quorum";
    assert!(brokers("127.0.0.1:1/3.9.1").contains(hint));
    assert!(!brokers("http://127.0.0.1:1").contains(hint) && !brokers("127.0.0.1:0").contains(hint));
}
