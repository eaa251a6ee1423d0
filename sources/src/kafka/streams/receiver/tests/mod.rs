//! The stream against the fake cluster, in a group whose moves the test makes itself.

mod giving_up;

use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use batchmill::{Collected, ErrorPolicy, SteppedContext, StreamingContext};
use parking_lot::{Condvar, Mutex};

use super::holdings::DoneWhen;
use super::input::{Entrance, ReceiverInput, leave};
use crate::fake::kafka::{FakeKafka, Profile};
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::native::NativeTransport;
use crate::kafka::client::transport::{Committed, Transport};
use crate::kafka::group::{Membership, RebalanceListener};
use crate::kafka::streams::decoder::whole_records;
use crate::kafka::wire::ApiKey;
use crate::kafka::{
    EndOffsets, ErrorCode, GroupError, KafkaError, KafkaParams, KafkaRecord, OffsetReset, OnLostRange,
    TopicPartition,
};

const GROUP: &str = "g";

/// A membership that does what a test says. What is committed goes to the cluster as of a group without members.
#[derive(Default)]
struct Script {
    listener: OnceLock<Arc<dyn RebalanceListener>>,
    transport: OnceLock<Arc<dyn Transport>>,
    /// Refuses commits with this.
    refuses: Mutex<Option<KafkaError>>,
    /// What was given to be committed, in order.
    given: Mutex<Vec<i64>>,
}

#[derive(Clone, Default)]
struct Scripted(Arc<Script>);

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted {
    fn listener(&self) -> &Arc<dyn RebalanceListener> {
        self.0.listener.get().expect("the stream has joined")
    }

    fn assign(&self, numbers: &[i32]) {
        self.listener().assigned(&partitions(numbers));
    }

    fn given(&self) -> Vec<i64> {
        std::mem::take(&mut *self.0.given.lock())
    }
}

fn partitions(numbers: &[i32]) -> Vec<TopicPartition> {
    numbers.iter().map(|number| TopicPartition::new("lines", *number)).collect()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

impl Membership for Scripted {
    fn committed(
        &self,
        of: &[TopicPartition],
        deadline: Deadline,
    ) -> Result<Vec<(TopicPartition, Option<Committed>)>, KafkaError> {
        self.0.transport.get().expect("connected").committed(GROUP, of, deadline)
    }

    fn commit(&self, offsets: Vec<(TopicPartition, Committed)>) {
        self.0.given.lock().extend(offsets.iter().map(|(_, committed)| committed.offset));
        let result = match self.0.refuses.lock().clone() {
            Some(error) => Err(error),
            None => self.0.transport.get().expect("connected").commit(GROUP, &offsets, soon()),
        };
        self.listener().committed(&offsets, &result);
    }

    fn leave(&self, _: Deadline) {
        let done = self.listener().done(true);
        if !done.is_empty() {
            self.commit(done);
        }
    }
}

struct ScriptedGroup {
    bootstrap: String,
    params: KafkaParams,
    member: Scripted,
}

impl Entrance for ScriptedGroup {
    fn connect(&mut self) -> Result<Arc<dyn Transport>, KafkaError> {
        let settings = self.params.client_settings(&self.bootstrap).expect("good settings");
        let transport: Arc<dyn Transport> = Arc::new(NativeTransport::new(settings));
        let _ = self.member.0.transport.set(Arc::clone(&transport));
        Ok(transport)
    }

    fn join(
        &mut self,
        listener: &dyn Fn(usize) -> Arc<dyn RebalanceListener>,
    ) -> Result<Vec<Box<dyn Membership>>, KafkaError> {
        let _ = self.member.0.listener.set(listener(0));
        Ok(vec![Box::new(self.member.clone())])
    }
}

fn cluster(partitions: u16) -> FakeKafka {
    FakeKafka::builder().topic("lines", partitions).start().unwrap()
}

fn input(
    cluster: &FakeKafka,
    reset: OffsetReset,
    done_when: DoneWhen,
) -> (Scripted, ReceiverInput<KafkaRecord>) {
    let params = KafkaParams::new()
        .offset_reset(reset)
        .end_offsets(EndOffsets::Asked)
        .max_wait(Duration::from_millis(20))
        .backoff(Duration::from_millis(5), Duration::from_millis(50));
    let member = Scripted::default();
    let group =
        ScriptedGroup { bootstrap: cluster.bootstrap(), params: params.clone(), member: member.clone() };
    let input = ReceiverInput {
        name: "kafka".to_owned(),
        entrance: Some(Box::new(group)),
        params,
        done_when,
        // Never by the clock in a test.
        commit_every: Duration::from_secs(3_600),
        longest_batch: Duration::from_secs(300),
        decoder: Arc::new(whole_records()),
        running: None,
    };
    (member, input)
}

fn context() -> StreamingContext {
    StreamingContext::builder().batch_interval(Duration::from_secs(1)).workers(2).build().unwrap()
}

/// What a batch's output saw: partitions and offsets.
fn seen(ssc: &StreamingContext, input: ReceiverInput<KafkaRecord>) -> Collected<(i32, i64)> {
    ssc.input_stream(input).map(|record| (record.partition(), record.offset())).collect()
}

/// Steps until batches had so many records, and returns them.
fn step_until(test: &mut SteppedContext, records: &Collected<(i32, i64)>, count: usize) -> Vec<(i32, i64)> {
    let mut all = Vec::new();
    for _ in 0..100_000 {
        test.step_batch().unwrap();
        all.extend(records.take_all());
        if all.len() >= count {
            all.sort_unstable();
            return all;
        }
        std::thread::yield_now();
    }
    panic!("{count} records did not come, only {all:?}");
}

/// How a broker refuses the commit of a member whose partitions others have.
fn fenced() -> KafkaError {
    KafkaError::Group {
        server: "b".into(),
        group: GROUP.into(),
        member: "m".into(),
        cause: GroupError::Fenced,
    }
}

fn committed(cluster: &FakeKafka, partition: i32) -> Option<i64> {
    cluster.committed(GROUP, "lines", partition).map(|committed| committed.offset)
}

#[test]
fn a_partition_is_read_from_its_assignment_on() {
    let cluster = cluster(2);
    cluster.produce("lines", 0, ["a", "b"]).unwrap();
    cluster.produce("lines", 1, ["c"]).unwrap();
    let (member, input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    let ssc = context();
    let records = seen(&ssc, input);
    let mut test = ssc.start_stepped().unwrap();
    test.step_batch().unwrap();
    assert_eq!(records.take_all(), [], "nothing is assigned yet");
    member.assign(&[0]);
    assert_eq!(step_until(&mut test, &records, 2), [(0, 0), (0, 1)]);
    member.assign(&[1]);
    assert_eq!(step_until(&mut test, &records, 1), [(1, 0)]);
    assert_eq!((committed(&cluster, 0), committed(&cluster, 1)), (Some(2), Some(1)));
}

#[test]
fn what_the_group_has_committed_goes_before_the_reset() {
    let cluster = cluster(1);
    cluster.produce("lines", 0, ["a", "b", "c"]).unwrap();
    cluster.commit(GROUP, "lines", 0, 2, None);
    let (member, input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    let ssc = context();
    let records = seen(&ssc, input);
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0]);
    assert_eq!(step_until(&mut test, &records, 1), [(0, 2)]);
}

#[test]
fn a_beginning_that_nobody_said_is_committed_before_a_batch_has_records() {
    let cluster = cluster(1);
    cluster.produce("lines", 0, ["a", "b"]).unwrap();
    let (member, input) = input(&cluster, OffsetReset::Latest, DoneWhen::Completed);
    let (told, batches) = mpsc::channel();
    let ssc = context();
    let of_cluster = Arc::new(cluster);
    let cluster = Arc::clone(&of_cluster);
    ssc.input_stream(input).for_each_batch(move |batch| {
        told.send((batch.len().unwrap(), committed(&of_cluster, 0))).unwrap();
    });
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0]);
    for number in 0.. {
        assert!(number < 100_000, "no record came");
        // Written again and again, for what was written before the beginning was found is not read.
        cluster.produce("lines", 0, ["c"]).unwrap();
        test.step_batch().unwrap();
        match batches.recv().unwrap() {
            (0, _) => {}
            (_, before) => {
                assert!(before.is_some_and(|offset| offset >= 2), "{before:?}");
                break;
            }
        }
    }
}

#[test]
fn a_beginning_in_place_of_one_that_is_gone_is_committed_too() {
    let cluster = cluster(1);
    cluster.produce("lines", 0, ["a", "b"]).unwrap();
    cluster.commit(GROUP, "lines", 0, 7, None);
    let (member, mut input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    input.params = input.params.on_lost_range(OnLostRange::SkipToLatest);
    let ssc = context();
    let records = seen(&ssc, input);
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0]);
    let is_committed = |cluster: &FakeKafka| committed(cluster, 0) == Some(2);
    assert!(cluster.wait_until(Duration::from_secs(30), is_committed));
    // Nothing comes, and the stream ends: what is written then is not skipped.
    test.step_batch().unwrap();
    assert_eq!(records.take_all(), []);
}

#[test]
fn a_reliable_stream_commits_a_batch_after_its_outputs() {
    let cluster = Arc::new(cluster(1));
    cluster.produce("lines", 0, ["a", "b"]).unwrap();
    let (member, input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    let (told, batches) = mpsc::channel();
    let ssc = context();
    let of_output = Arc::clone(&cluster);
    ssc.input_stream(input).for_each_batch(move |batch| {
        told.send((batch.len().unwrap(), committed(&of_output, 0))).unwrap();
    });
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0]);
    let first = loop {
        test.step_batch().unwrap();
        match batches.recv().unwrap() {
            (0, _) => std::thread::yield_now(),
            batch => break batch,
        }
    };
    assert_eq!(first, (2, Some(0)), "while it runs, only the beginning is committed");
    drop(test);
    assert_eq!(committed(&cluster, 0), Some(2));
}

#[test]
fn a_plain_stream_commits_what_it_has_cut_when_it_gives_up() {
    let cluster = cluster(1);
    cluster.produce("lines", 0, ["a", "b"]).unwrap();
    let (member, input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Cut);
    let ssc = context();
    let records = seen(&ssc, input);
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0]);
    step_until(&mut test, &records, 2);
    let due = member.listener().revoked(&partitions(&[0]), Box::new(|_| {})).expect("it is said at once");
    assert_eq!(due.iter().map(|(_, committed)| committed.offset).collect::<Vec<_>>(), [2]);
    assert_eq!(member.given(), [0], "until then the beginning alone");
}

#[test]
fn what_is_lost_is_read_no_more_and_begins_again_where_others_have_committed() {
    let cluster = cluster(1);
    cluster.produce("lines", 0, ["a"]).unwrap();
    let (member, input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    let ssc = context();
    let records = seen(&ssc, input);
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0]);
    step_until(&mut test, &records, 1);
    member.listener().lost(&partitions(&[0]));
    cluster.produce("lines", 0, ["b", "c"]).unwrap();
    test.step_batch().unwrap();
    assert_eq!(records.take_all(), []);
    // Another member has read one of them.
    cluster.commit(GROUP, "lines", 0, 2, None);
    member.assign(&[0]);
    assert_eq!(step_until(&mut test, &records, 1), [(0, 2)]);
}

#[test]
fn a_batch_that_loses_a_partition_while_it_runs_is_not_committed_for_it() {
    let cluster = cluster(2);
    cluster.produce("lines", 0, ["a", "b"]).unwrap();
    cluster.produce("lines", 1, ["c"]).unwrap();
    let (member, input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    let in_output = member.clone();
    let ssc = context();
    let stream = ssc.input_stream(input);
    stream.for_each_batch(move |batch| {
        if batch.collect().unwrap().iter().any(|record| record.partition() == 0) {
            in_output.listener().lost(&partitions(&[0]));
        }
    });
    let records = stream.map(|record| (record.partition(), record.offset())).collect();
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0, 1]);
    assert_eq!(step_until(&mut test, &records, 3), [(0, 0), (0, 1), (1, 0)]);
    drop(test);
    assert_eq!((committed(&cluster, 0), committed(&cluster, 1)), (Some(0), Some(1)));
}

#[test]
fn a_partition_that_the_brokers_do_not_know_yet_is_read_once_they_do() {
    let cluster = cluster(1);
    cluster.produce("lines", 0, ["a"]).unwrap();
    let (member, input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    let ssc = context();
    let records = seen(&ssc, input);
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0, 1]);
    assert_eq!(step_until(&mut test, &records, 1), [(0, 0)]);
    cluster.add_partitions("lines", 1).unwrap();
    cluster.produce("lines", 1, ["b"]).unwrap();
    assert_eq!(step_until(&mut test, &records, 1), [(1, 0)]);
}

#[test]
fn a_refused_commit_is_given_again() {
    let cluster = cluster(1);
    cluster.produce("lines", 0, ["a"]).unwrap();
    let (member, input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    let ssc = context();
    let records = seen(&ssc, input);
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0]);
    step_until(&mut test, &records, 1);
    *member.0.refuses.lock() = Some(fenced());
    cluster.produce("lines", 0, ["b"]).unwrap();
    step_until(&mut test, &records, 1);
    *member.0.refuses.lock() = None;
    member.given();
    test.step_batch().unwrap();
    drop(test);
    assert!(member.given().contains(&2));
    assert_eq!(committed(&cluster, 0), Some(2));
}

/// Steps a stream that is 4,000 records behind until it has taken `until` of them, and returns how many the largest batch had.
/// What is received and the bound of the first have room for 600, and none is late; outputs fail if that is said.
fn largest_of_one_behind(until: u64, fails: bool) -> u64 {
    let cluster = cluster(1);
    let line = "x".repeat(100);
    for _ in 0..400 {
        cluster.produce("lines", 0, [&*line; 10]).unwrap();
    }
    let (member, mut input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    input.params = input.params.end_offsets(EndOffsets::Fetched);
    let ssc = StreamingContext::builder()
        .batch_interval(Duration::from_secs(3_600))
        .max_unprocessed_bytes(8_000)
        .error_policy(ErrorPolicy::continue_on_error())
        .workers(2)
        .build()
        .unwrap();
    let (tell, sizes) = mpsc::channel();
    ssc.input_stream(input).for_each_batch(move |batch| {
        tell.send(batch.len()?).unwrap();
        if fails { Err(batchmill::SourceError::from("the output fails")) } else { Ok(()) }
    });
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0]);
    let (mut all, mut largest) = (0, 0);
    while all < until {
        test.step_batch().unwrap();
        let size = sizes.try_iter().sum();
        (all, largest) = (all + size, largest.max(size));
        std::thread::yield_now();
    }
    largest
}

#[test]
fn batches_that_are_done_early_are_followed_by_larger_ones() {
    assert!(largest_of_one_behind(4_000, false) > 1_000);
}

#[test]
fn batches_that_fail_are_not_followed_by_larger_ones() {
    assert!(largest_of_one_behind(3_000, true) < 1_000);
}

#[test]
fn a_failed_batch_is_not_committed_when_it_ends_the_stream() {
    let cluster = cluster(1);
    cluster.produce("lines", 0, ["a", "b"]).unwrap();
    let (member, input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    let ssc = context();
    ssc.input_stream(input).for_each_batch(|batch| match batch.len()? {
        0 => Ok(()),
        _ => Err(batchmill::SourceError::from("the output fails")),
    });
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0]);
    while test.step_batch().is_ok() {
        std::thread::yield_now();
    }
    drop(test);
    assert_eq!(committed(&cluster, 0), Some(0));
}

#[test]
fn a_membership_that_ends_for_good_fails_the_next_batch() {
    let cluster = cluster(1);
    let (member, input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    let ssc = context();
    seen(&ssc, input);
    let mut test = ssc.start_stepped().unwrap();
    member.listener().failed(KafkaError::Group {
        server: "broker".into(),
        group: GROUP.into(),
        member: "m".into(),
        cause: GroupError::InstanceTwice,
    });
    let error = test.step_batch().unwrap_err().to_string();
    assert!(error.contains("member \"m\" of group \"g\" at broker"), "{error}");
}

/// A stream under this policy that has read three records of one partition, of a cluster that knows no leader epochs, so
/// that only an offset out of range tells of what has become of a log.
fn has_read_three(policy: OnLostRange) -> (FakeKafka, SteppedContext, Collected<(i32, i64)>) {
    let cluster = FakeKafka::builder().profile(Profile::V0_10).topic("lines", 1).start().unwrap();
    cluster.produce("lines", 0, ["a", "b", "c"]).unwrap();
    let (member, mut input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    input.params = input.params.on_lost_range(policy).request_timeout(Duration::from_millis(500));
    let ssc = context();
    let records = seen(&ssc, input);
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0]);
    step_until(&mut test, &records, 3);
    (cluster, test, records)
}

#[test]
fn a_log_that_got_shorter_fails_the_stream_whatever_may_be_skipped() {
    for policy in [OnLostRange::Stop, OnLostRange::SkipToEarliest, OnLostRange::SkipToLatest] {
        let (cluster, mut test, records) = has_read_three(policy);
        cluster.truncate("lines", 0, 1).unwrap();
        let error = (0..100_000).find_map(|_| {
            std::thread::yield_now();
            test.step_batch().err()
        });
        let error = error.expect("the stream fails").to_string();
        assert!(error.contains("offset 3 is not in lines-0, which has 0 to 1"), "{policy:?}: {error}");
        assert_eq!(records.take_all(), []);
    }
}

#[test]
fn an_offset_that_nobody_could_judge_is_asked_for_again() {
    let (cluster, mut test, records) = has_read_three(OnLostRange::SkipToEarliest);
    let unknown = cluster.on(ApiKey::LIST_OFFSETS).always().fail(ErrorCode::LEADER_NOT_AVAILABLE);
    let out_of_range = cluster.on(ApiKey::FETCH).always().fail(ErrorCode::OFFSET_OUT_OF_RANGE);
    assert!(out_of_range.wait(3, Duration::from_secs(30)));
    assert!(unknown.fired() > 0);
    unknown.remove();
    out_of_range.remove();
    cluster.produce("lines", 0, ["d"]).unwrap();
    assert_eq!(step_until(&mut test, &records, 1), [(0, 3)]);
}

/// Two members, each of which leaves only when the other one does too.
#[derive(Debug, Default)]
struct Pair {
    leaving: Mutex<usize>,
    changed: Condvar,
}

#[derive(Debug)]
struct OfPair(Arc<Pair>);

impl Membership for OfPair {
    fn committed(
        &self,
        _: &[TopicPartition],
        _: Deadline,
    ) -> Result<Vec<(TopicPartition, Option<Committed>)>, KafkaError> {
        Err(KafkaError::Stopped)
    }

    fn commit(&self, _: Vec<(TopicPartition, Committed)>) {}

    fn leave(&self, deadline: Deadline) {
        let mut leaving = self.0.leaving.lock();
        *leaving += 1;
        self.0.changed.notify_all();
        while *leaving < 2 && !deadline.is_over() {
            self.0.changed.wait_for(&mut leaving, deadline.left());
        }
    }
}

#[test]
fn the_members_of_a_stream_leave_at_the_same_time() {
    let pair = Arc::new(Pair::default());
    let members = [(); 2].map(|()| Box::new(OfPair(Arc::clone(&pair))) as Box<dyn Membership>);
    let deadline = soon();
    leave(&members, deadline);
    assert!(!deadline.is_over());
}

#[test]
fn a_partition_without_a_leader_holds_up_no_other() {
    let cluster = cluster(2);
    cluster.produce("lines", 1, ["a"]).unwrap();
    cluster.lose_leader("lines", 0).unwrap();
    let (member, mut input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    input.params = input.params.request_timeout(Duration::from_secs(3_600));
    let ssc = context();
    let records = seen(&ssc, input);
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0, 1]);
    assert_eq!(step_until(&mut test, &records, 1), [(1, 0)]);
}
