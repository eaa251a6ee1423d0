//! Partitions that are given up, and what is told of what others read again.

use batchmill::{SourceEvent, StreamingListener};

use super::*;
use crate::kafka::group::Offsets;

/// Passes on what is told of commits that were skipped.
#[derive(Debug)]
struct Skipped(mpsc::Sender<String>);

impl StreamingListener for Skipped {
    fn source_event(&self, event: &SourceEvent) {
        if event.kind == "commit_skipped" {
            // The test may be over.
            let _ = self.0.send(event.detail.clone());
        }
    }
}

/// A context, and what is told in it of commits that were skipped.
fn context_with_skips() -> (StreamingContext, mpsc::Receiver<String>) {
    let (told, skipped) = mpsc::channel();
    let ssc = StreamingContext::builder().batch_interval(Duration::from_secs(1));
    (ssc.listener(Arc::new(Skipped(told))).build().unwrap(), skipped)
}

/// Has partition 0 be given up: the offsets that are done, if they are said at once; else they come to `later`.
fn revoke(member: &Scripted, later: &mpsc::Sender<Vec<i64>>) -> Option<Vec<i64>> {
    fn offsets(done: Offsets) -> Vec<i64> {
        done.iter().map(|(_, committed)| committed.offset).collect()
    }
    let later = later.clone();
    // The test may be over.
    let later = Box::new(move |done| _ = later.send(offsets(done)));
    member.listener().revoked(&partitions(&[0]), later).map(offsets)
}

#[test]
fn what_is_given_up_waits_for_the_batch_that_has_it() {
    let cluster = cluster(1);
    cluster.produce("lines", 0, ["a", "b"]).unwrap();
    let (member, mut input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    input.params = input.params.rebalance_wait(Duration::from_secs(3_600));
    let (later, done) = mpsc::channel();
    let in_output = member.clone();
    let ssc = context();
    ssc.input_stream(input).for_each_batch(move |batch| {
        if batch.len().unwrap() > 0 {
            assert_eq!(revoke(&in_output, &later), None, "the batch runs");
        }
    });
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0]);
    let done_then = loop {
        test.step_batch().unwrap();
        match done.try_recv() {
            Ok(offsets) => break offsets,
            Err(_) => std::thread::yield_now(),
        }
    };
    // The batch gives them to be committed itself, unless it is overtaken.
    let given = member.given();
    assert_eq!(given.into_iter().chain(done_then).collect::<Vec<_>>(), [0, 2]);
    cluster.produce("lines", 0, ["c"]).unwrap();
    test.step_batch().unwrap();
    assert!(done.try_recv().is_err(), "nothing is read of it any more");
}

#[test]
fn a_batch_has_its_time_and_no_more() {
    let cluster = cluster(1);
    cluster.produce("lines", 0, ["a", "b"]).unwrap();
    let (member, mut input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    input.params = input.params.rebalance_wait(Duration::from_millis(1));
    let (later, done) = mpsc::channel();
    let (in_output, done) = (member.clone(), Mutex::new(done));
    let (ssc, skipped) = context_with_skips();
    ssc.input_stream(input).for_each_batch(move |batch| {
        if batch.len().unwrap() > 0 {
            let done = revoke(&in_output, &later).unwrap_or_else(|| {
                done.lock().recv_timeout(Duration::from_secs(30)).expect("its time is over")
            });
            assert!(done.is_empty(), "{done:?}");
        }
    });
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0]);
    let detail = loop {
        test.step_batch().unwrap();
        match skipped.try_recv() {
            Ok(detail) => break detail,
            Err(_) => std::thread::yield_now(),
        }
    };
    assert!(detail.starts_with("lines-0 [0, 2): given to others before batch"), "{detail}");
}

#[test]
fn what_is_done_and_can_never_be_committed_is_told() {
    let cluster = cluster(1);
    cluster.produce("lines", 0, ["a"]).unwrap();
    let (member, input) = input(&cluster, OffsetReset::Earliest, DoneWhen::Completed);
    let (ssc, skipped) = context_with_skips();
    let records = seen(&ssc, input);
    let mut test = ssc.start_stepped().unwrap();
    member.assign(&[0]);
    step_until(&mut test, &records, 1);
    assert!(cluster.wait_until(Duration::from_secs(30), |cluster| committed(cluster, 0) == Some(1)));
    *member.0.refuses.lock() = Some(fenced());
    cluster.produce("lines", 0, ["b", "c"]).unwrap();
    step_until(&mut test, &records, 2);
    member.listener().lost(&partitions(&[0]));
    let detail = skipped.recv_timeout(Duration::from_secs(30)).expect("it is told");
    assert!(detail.starts_with("lines-0 [1, 3): done"), "{detail}");
}
