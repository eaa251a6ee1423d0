//! From `store` to the batch: what becomes of every record, in which order, in which block, within which budget.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use batchmill::{
    BlockContents, BlockDecoder, BlockId, Error, FixedRecords, Outcome, ReceiverHandle, StreamingContext,
    decode_with,
};
use batchmill_tests::{DEADLINE, Event, Gate, Recorder, wait_until};

use crate::sources::{FnReceiver, Remote, counting, manual};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_store_returned_for_before_a_cut_is_in_that_batch() {
    let (clock, builder) = manual();
    let (tell, told) = mpsc::channel();
    let (answer, answered) = mpsc::channel::<()>();
    let receiver = FnReceiver("in-step", move |handle: &ReceiverHandle<u64>| {
        for n in 0.. {
            handle.store(n)?;
            if tell.send(n).is_err() || answered.recv_timeout(DEADLINE).is_err() {
                break;
            }
        }
        Ok(())
    });
    let ssc = builder.build().unwrap();
    let collected = ssc.receiver_stream(receiver).collect();
    let running = ssc.start().unwrap();
    for n in 0..5_000 {
        assert_eq!(told.recv_timeout(DEADLINE), Ok(n));
        clock.advance(SECOND);
        let batch = collected.take_timeout(DEADLINE).unwrap();
        assert_eq!((batch.0.as_ms(), batch.1), ((n as i64 + 1) * 1_000, vec![n]));
        answer.send(()).unwrap();
    }
    drop(answer);
    running.stop().unwrap();
}

#[test]
fn a_receiver_that_never_pauses_loses_nothing_and_keeps_its_order() {
    let ssc = StreamingContext::builder()
        .batch_interval(MS)
        .block_bytes(1_000)
        .max_unprocessed_bytes(100_000)
        .workers(2)
        .build()
        .unwrap();
    let stored = Arc::new(AtomicU64::new(0));
    let collected = ssc.receiver_stream(counting(Arc::clone(&stored))).map(|n| n).collect();
    let running = ssc.start().unwrap();
    let mut records = Vec::new();
    while records.len() < 1_000_000 {
        records.extend(collected.take_timeout(DEADLINE).unwrap().1);
    }
    assert!(running.stop_gracefully(DEADLINE).unwrap().is_clean());
    records.extend(collected.take_all());
    assert_eq!(records.len() as u64, stored.load(Ordering::Relaxed));
    assert!(records.iter().zip(0..).all(|(record, n)| *record == n), "in the order of store");
}

#[test]
fn records_of_every_kind_of_store_come_in_the_order_of_the_calls() {
    let (clock, builder) = manual();
    let ssc = builder.build().unwrap();
    let (remote, receiver) = Remote::<Vec<u8>>::new();
    let collected = ssc.receiver_stream(receiver).collect();
    let running = ssc.start().unwrap();
    let pairs: Arc<dyn BlockDecoder<Vec<u8>>> = Arc::new(FixedRecords::new(2));
    let whole: Arc<dyn BlockDecoder<Vec<u8>>> = Arc::new(decode_with(|bytes: &[u8], out: &mut Vec<_>| {
        out.push(bytes.to_vec());
        Ok(())
    }));
    remote.run(move |handle| {
        handle.store(b"a".to_vec()).unwrap();
        handle.store_bytes(b"bbcc", &pairs).unwrap();
        handle.store_bytes(b"dd", &pairs).unwrap();
        handle.store_block(BlockContents::Items(vec![b"e".to_vec(), b"f".to_vec()])).unwrap();
        handle.store(b"g".to_vec()).unwrap();
        handle.store_sized(b"h".to_vec(), 1_000).unwrap();
        handle.store_bytes(b"ii", &pairs).unwrap();
        handle.store_bytes(b"jj", &whole).unwrap();
        handle.store_bytes(b"", &whole).unwrap();
        handle.store_block(BlockContents::Bytes(b"kkll".to_vec(), Arc::clone(&pairs))).unwrap();
    });
    clock.advance(SECOND);
    let records = collected.take_timeout(DEADLINE).unwrap().1;
    let texts: Vec<_> = records.iter().map(|record| String::from_utf8_lossy(record)).collect();
    assert_eq!(texts, ["a", "bb", "cc", "dd", "e", "f", "g", "h", "ii", "jj", "kk", "ll"]);
    running.stop().unwrap();
}

#[test]
fn a_block_is_sealed_at_its_bytes_and_at_its_items() {
    let (clock, builder) = manual();
    let ssc = builder.block_bytes(1 << 20).build().unwrap();
    let ((wide, receives_wide), (empty, receives_empty)) = (Remote::<u64>::new(), Remote::<()>::new());
    let sizes = |batch: batchmill::Batch<Vec<u64>>| batch.map(|records| records.len());
    let wides = ssc.receiver_stream(receives_wide).glom().transform(sizes).collect();
    let empties = ssc.receiver_stream(receives_empty).glom().map(|records| records.len()).collect();
    let running = ssc.start().unwrap();
    wide.store(0..300_000);
    empty.run(|handle| (0..300_000).for_each(|_| handle.store(()).unwrap()));
    clock.advance(SECOND);
    let full = (1 << 20) / 8;
    assert_eq!(wides.take_timeout(DEADLINE).unwrap().1, [full, full, 300_000 - 2 * full]);
    // A record without a size counts as one byte, so these would fill no block; but a block must stay a good task.
    let items = empties.take_timeout(DEADLINE).unwrap().1;
    assert_eq!(items.iter().sum::<usize>(), 300_000);
    assert!(items.len() > 1, "{items:?}");
    running.stop().unwrap();
}

#[test]
fn a_block_is_sealed_at_the_block_interval() {
    let (clock, builder) = manual();
    let recorder = Recorder::new();
    let ssc = builder
        .block_interval(Duration::from_millis(400))
        .listener(Arc::clone(&recorder) as _)
        .build()
        .unwrap();
    let (remote, receiver) = Remote::<u64>::new();
    let collected = ssc.receiver_stream(receiver).glom().collect();
    let ((first, ends_first), (second, ends_second)) = (Remote::<u64>::new(), Remote::new());
    ssc.receiver_stream(ends_first).union(ssc.receiver_stream(ends_second)).for_each_batch(|_| ());
    let running = ssc.start().unwrap();
    remote.store([1, 2]);
    clock.advance(Duration::from_millis(400));
    // Nothing tells of the seal. But the engine does one thing after the other: when it has told of two receivers that
    // ended after the clock was moved, all is done that it had to do about the first.
    for (n, ending) in [first, second].into_iter().enumerate() {
        drop(ending);
        recorder.wait_for("the end of a receiver", |events| {
            let ended = events.iter().filter(|event| matches!(event, Event::ReceiverStopped(_))).count();
            (ended > n).then_some(())
        });
    }
    remote.store([3]);
    clock.advance(Duration::from_millis(600));
    assert_eq!(collected.take_timeout(DEADLINE).unwrap().1, [vec![1, 2], vec![3]]);
    running.stop().unwrap();
}

#[test]
fn ids_count_blocks_and_completed_tells_of_each_once_in_order() {
    let (clock, builder) = manual();
    let ssc = builder.error_policy(batchmill::ErrorPolicy::continue_on_error()).build().unwrap();
    let (remote, receiver) = Remote::<u64>::new();
    ssc.receiver_stream(receiver).for_each_batch(|batch| {
        assert!(!batch.collect()?.contains(&13), "planned");
        Ok::<_, Error>(())
    });
    let running = ssc.start().unwrap();
    let block =
        |items: Vec<u64>| move |handle: &ReceiverHandle<u64>| handle.store_block(BlockContents::Items(items));
    let id_of = |items: Vec<u64>| {
        let (tell, told) = mpsc::channel();
        let store = block(items);
        remote.run(move |handle| tell.send(store(handle)).unwrap());
        told.recv().unwrap().unwrap().as_u64()
    };
    type Done = Option<(BlockId, BlockId, Outcome)>;
    let ask = |f: fn(&ReceiverHandle<u64>) -> Done| {
        let (tell, told) = mpsc::channel();
        remote.run(move |handle| tell.send(f(handle)).unwrap());
        told.recv().unwrap().map(|(first, last, outcome)| (first.as_u64(), last.as_u64(), outcome))
    };
    let tried = |handle: &ReceiverHandle<u64>| {
        handle.try_completed().unwrap().map(|done| (done.first, done.last, done.outcome))
    };
    let waited = |handle: &ReceiverHandle<u64>| {
        handle.completed().ok().map(|done| (done.first, done.last, done.outcome))
    };
    let timed = |handle: &ReceiverHandle<u64>| {
        handle.completed_timeout(DEADLINE).unwrap().map(|done| (done.first, done.last, done.outcome))
    };

    assert_eq!(ask(tried), None);
    assert_eq!(
        ask(|handle| handle.completed_timeout(MS).unwrap().map(|done| (done.first, done.last, done.outcome))),
        None
    );
    assert_eq!((id_of(vec![1]), id_of(vec![]), id_of(vec![2, 3])), (0, 1, 2));
    clock.advance(SECOND);
    assert_eq!(ask(waited), Some((0, 2, Outcome::Succeeded)));
    remote.store([4, 5]);
    assert_eq!(id_of(vec![13]), 4, "what was stored before is a block of its own");
    clock.advance(SECOND);
    assert_eq!(ask(timed), Some((3, 4, Outcome::Failed)));
    assert_eq!(ask(tried), None);
    assert_eq!(id_of(vec![6]), 5);
    let begun = Gate::new();
    begun.open();
    let came = begun.clone();
    remote.start(move |handle| {
        came.pass();
        let end = handle.completed().map(|done| (done.first.as_u64(), done.outcome));
        assert_eq!(end, Ok((5, Outcome::Succeeded)), "the last cut");
        assert!(handle.completed().is_err() && handle.try_completed().is_err());
    });
    begun.wait_for(1);
    assert!(running.stop_gracefully(DEADLINE).unwrap().is_clean());
    assert_eq!(remote.done.recv_timeout(DEADLINE), Ok(()), "the assertions in the receiver held");
}

#[test]
fn a_full_budget_makes_store_wait_until_a_batch_is_done() {
    let (clock, builder) = manual();
    let recorder = Recorder::new();
    let ssc = builder.max_unprocessed_bytes(800).listener(Arc::clone(&recorder) as _).build().unwrap();
    let stored = Arc::new(AtomicU64::new(0));
    let collected = ssc.receiver_stream(counting(Arc::clone(&stored))).collect();
    let running = ssc.start().unwrap();
    for batch in 0..100 {
        wait_until("the full budget", || stored.load(Ordering::Relaxed) == (batch + 1) * 100);
        clock.advance(SECOND);
        let records = collected.take_timeout(DEADLINE).unwrap().1;
        assert_eq!(records, (batch * 100..(batch + 1) * 100).collect::<Vec<_>>());
    }
    let detail = recorder.wait_for("a source event", |events| {
        events.iter().find_map(|event| match event {
            Event::Source(event) if event.kind == "budget_wait" => Some(event.detail.clone()),
            _ => None,
        })
    });
    assert!(
        detail.contains("max_unprocessed_bytes (800 bytes)") && detail.contains("batch_interval (1s)"),
        "{detail}"
    );
    running.stop().unwrap();
}

#[test]
fn a_record_larger_than_the_budget_passes_alone() {
    let (clock, builder) = manual();
    let ssc = builder.max_unprocessed_bytes(10).build().unwrap();
    let (remote, receiver) = Remote::<u64>::new();
    let collected = ssc.receiver_stream(receiver).collect();
    let running = ssc.start().unwrap();
    remote.run(|handle| handle.store_sized(1, 1_000).unwrap());
    remote.start(|handle| handle.store_sized(2, 1_000).unwrap());
    assert!(remote.done.try_recv().is_err(), "the second waits for the first");
    clock.advance(SECOND);
    assert_eq!(collected.take_timeout(DEADLINE).unwrap().1, [1]);
    remote.done.recv_timeout(DEADLINE).unwrap();
    clock.advance(SECOND);
    assert_eq!(collected.take_timeout(DEADLINE).unwrap().1, [2]);
    running.stop().unwrap();
}
