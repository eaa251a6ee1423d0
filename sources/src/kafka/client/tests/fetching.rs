//! What is fetched when all is well.

use super::*;
use crate::fake::kafka::{ApiKey, FakeKafka, Profile};
use crate::kafka::client::settings::Isolation;
use crate::kafka::wire::messages::FetchRequest;

#[test]
fn a_record_that_does_not_fit_says_how_much_it_needs() {
    for profile in [Profile::V0_8, Profile::V0_10, Profile::V4_3] {
        let kafka =
            FakeKafka::builder().profile(profile).max_message_bytes(8 << 20).topic("t", 1).start().unwrap();
        let large = "x".repeat(3 << 20);
        kafka.produce("t", 0, [large.as_str()]).unwrap();
        let client = client(&kafka);
        let (sink, _fetcher) = Collected::start(&client, &[from_start(&partition("t", 0))]);
        sink.wait_for("the large record", |state| {
            state.values.get(&partition("t", 0)).is_some_and(|values| values.len() == 1)
        });
        assert_eq!(sink.state.lock().values[&partition("t", 0)][0].1.len(), 3 << 20);
    }
}

#[test]
fn aborted_records_are_left_out_and_open_ones_hold_the_end_back() {
    let kafka = FakeKafka::builder().topic("t", 1).start().unwrap();
    let mut aborted = kafka.begin_transaction();
    aborted.produce("t", 0, ["gone"]).unwrap();
    aborted.abort().unwrap();
    let mut committed = kafka.begin_transaction();
    committed.produce("t", 0, [text(0)]).unwrap();
    committed.commit().unwrap();
    let mut open = kafka.begin_transaction();
    open.produce("t", 0, [text(1)]).unwrap();
    let name = partition("t", 0);
    let client = client(&kafka);
    let (sink, _fetcher) = Collected::start(&client, &[from_start(&name)]);
    sink.wait_for("the position", |state| state.wants[&name].offset == 4);
    {
        let state = sink.state.lock();
        assert_eq!(state.values[&name], [(2, text(0))]);
        assert_eq!((state.last[&name].last_stable, state.last[&name].high_watermark), (Some(4), 5));
    }
    open.commit().unwrap();
    sink.wait_for_values(&name, 2);

    let mut settings = settings(&kafka);
    settings.isolation = Isolation::ReadUncommitted;
    let client = NativeTransport::new(settings);
    let (sink, _fetcher) = Collected::start(&client, &[from_start(&name)]);
    sink.wait_for("all values", |state| state.values.get(&name).is_some_and(|values| values.len() == 3));
}

#[test]
fn a_partition_that_is_not_wanted_now_is_fetched_after_a_wake() {
    let kafka = FakeKafka::builder().topic("t", 2).start().unwrap();
    store(&kafka, "t", 0, 0, 5);
    store(&kafka, "t", 1, 0, 5);
    let names = [partition("t", 0), partition("t", 1)];
    let client = client(&kafka);
    let (sink, mut fetcher) = Collected::start(&client, &[from_start(&names[0])]);
    fetcher.set_partitions(&names);
    sink.wait_for_values(&names[0], 5);
    assert!(!sink.state.lock().values.contains_key(&names[1]));
    let (name, want) = from_start(&names[1]);
    sink.state.lock().wants.insert(name, want);
    fetcher.wake();
    sink.wait_for_values(&names[1], 5);
}

#[test]
fn partitions_can_be_left_out_and_taken_back() {
    let kafka = FakeKafka::builder().brokers(2).topic("t", 4).start().unwrap();
    let names: Vec<_> = (0..4).map(|number| partition("t", number)).collect();
    names.iter().for_each(|name| store(&kafka, "t", name.partition, 0, 5));
    let wants: Vec<_> = names.iter().map(from_start).collect();
    let client = client(&kafka);
    let (sink, mut fetcher) = Collected::start(&client, &wants);
    names.iter().for_each(|name| sink.wait_for_values(name, 5));
    fetcher.set_partitions(&names[..1]);
    names.iter().for_each(|name| store(&kafka, "t", name.partition, 5, 5));
    sink.wait_for_values(&names[0], 10);
    fetcher.set_partitions(&names);
    names.iter().for_each(|name| sink.wait_for_values(name, 10));
}

#[test]
fn a_follower_nearby_is_read_from() {
    let kafka = FakeKafka::builder().brokers(2).racks(["far", "near"]).topic("t", 1).start().unwrap();
    let (far, near) = (kafka.brokers()[0], kafka.brokers()[1]);
    kafka.move_leader("t", 0, far).unwrap();
    store(&kafka, "t", 0, 0, 5);
    let mut settings = settings(&kafka);
    settings.rack = Some("near".to_owned());
    let client = NativeTransport::new(settings);
    let name = partition("t", 0);
    let (sink, _fetcher) = Collected::start(&client, &[from_start(&name)]);
    sink.wait_for_values(&name, 5);
    assert!(kafka.requests_of(ApiKey::FETCH).iter().any(|seen| seen.broker == near));
    // What the follower refuses the leader is asked for, before anybody hears of it.
    kafka.on(ApiKey::FETCH).broker(near).fail(crate::fake::kafka::ErrorCode::OFFSET_OUT_OF_RANGE);
    store(&kafka, "t", 0, 5, 5);
    sink.wait_for_values(&name, 10);
    assert!(sink.state.lock().failures.is_empty());
}

#[test]
fn an_old_broker_is_asked_for_a_part_at_a_time() {
    let kafka = FakeKafka::builder().profile(Profile::V0_9).topic("t", 4).start().unwrap();
    let names: Vec<_> = (0..4).map(|number| partition("t", number)).collect();
    names.iter().for_each(|name| store(&kafka, "t", name.partition, 0, 20));
    let mut settings = settings(&kafka);
    settings.fetch_bytes = 2 << 20;
    let client = NativeTransport::new(settings);
    let wants: Vec<_> = names.iter().map(from_start).collect();
    let (sink, _fetcher) = Collected::start(&client, &wants);
    names.iter().for_each(|name| sink.wait_for_values(name, 20));
    for seen in kafka.requests_of(ApiKey::FETCH) {
        let request: FetchRequest = seen.decode().unwrap();
        assert!(request.topics.iter().map(|topic| topic.partitions.len()).sum::<usize>() <= 2);
    }
}

#[test]
fn threads_are_named_and_end_with_the_fetcher() {
    let kafka = FakeKafka::builder().brokers(3).topic("t", 3).start().unwrap();
    let names: Vec<_> = (0..3).map(|number| partition("t", number)).collect();
    names.iter().for_each(|name| store(&kafka, "t", name.partition, 0, 1));
    let wants: Vec<_> = names.iter().map(from_start).collect();
    let mut settings = settings(&kafka);
    settings.fetch_max_wait = WAIT;
    let client = NativeTransport::new(settings);
    let (sink, fetcher) = Collected::start(&client, &wants);
    names.iter().for_each(|name| sink.wait_for_values(name, 1));
    let begun = Deadline::after(std::time::Duration::from_secs(5));
    drop(fetcher);
    assert!(!begun.is_over(), "the wait of the brokers was not waited for");
    assert_eq!(Arc::strong_count(&sink), 1, "no thread has it any more");
}
