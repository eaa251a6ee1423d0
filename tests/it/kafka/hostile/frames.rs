//! The frame around an answer: its length, its number, and how it ends.

use std::sync::Mutex;
use std::time::Duration;

use batchmill_sources::fake::kafka::{ApiKey, FakeKafka};

use super::spoil::header;
use super::{Case, case};

/// Every answer to a fetch is these bytes, and not even their length.
fn raw(bytes: impl Into<Vec<u8>>) -> impl Fn(&FakeKafka) {
    let bytes = bytes.into();
    move |kafka| _ = kafka.on(ApiKey::FETCH).always().reply_raw(bytes.clone())
}

fn length(length: i32) -> impl Fn(&FakeKafka) {
    raw(length.to_be_bytes())
}

pub(super) fn cases() -> Vec<Case> {
    const TOO_LARGE: &[&str] = &["broker 127.0.0.1", "Fetch for lines-0", "67108864 allowed"];
    const CUT: &[&str] = &["lines-0", "127.0.0.1", "closed the connection", "Fetch"];
    vec![
        case("a length below zero", length(-1)).fails("ResponseTooLarge", TOO_LARGE),
        case("the smallest length", length(i32::MIN)).fails("ResponseTooLarge", TOO_LARGE),
        case("the largest length", length(i32::MAX)).fails("ResponseTooLarge", TOO_LARGE),
        case("a length just above the limit", length((64 << 20) + 1)).fails("ResponseTooLarge", TOO_LARGE),
        case("a length at the limit and then silence", |kafka| {
            kafka.on(ApiKey::FETCH).always().reply_raw((64_i32 << 20).to_be_bytes());
        })
        .params(|params| params.request_timeout(Duration::from_millis(200)).max_wait(Duration::ZERO))
        .fails("Timeout", &["lines-0", "127.0.0.1", "has not answered Fetch"]),
        case("a length of zero", length(0))
            .fails("Protocol", &["lines-0", "127.0.0.1", "Fetch 11", "header"]),
        case("a length that is shorter than a header", raw([0, 0, 0, 3, 1, 2, 3]))
            .fails("Protocol", &["lines-0", "127.0.0.1", "Fetch 11", "header"]),
        case("an answer that is only a header", |kafka| {
            kafka.on(ApiKey::FETCH).always().reply_with(|seen, frame| frame[..header(seen)].to_vec());
        })
        .fails("Protocol", &["lines-0", "Fetch 11", "FetchResponse.throttle_time_ms"]),
        case("an answer without its last byte", |kafka| {
            kafka.on(ApiKey::FETCH).always().reply_with(|_, frame| frame[..frame.len() - 1].to_vec());
        })
        .fails("Protocol", &["lines-0", "Fetch 11", "PartitionData.records"]),
        case("bytes behind the body", |kafka| {
            kafka.on(ApiKey::FETCH).always().reply_with(|_, frame| [&frame[..], b"more"].concat());
        })
        .fails("Protocol", &["lines-0", "Fetch 11", "4 bytes"]),
        case("the end of the connection within a length", |kafka| {
            kafka.on(ApiKey::FETCH).always().cut_after(2);
        })
        .fails("Closed", CUT),
        case("the end of the connection within a header", |kafka| {
            kafka.on(ApiKey::FETCH).always().cut_after(6);
        })
        .fails("Closed", CUT),
        case("the end of the connection within a body", |kafka| {
            kafka.on(ApiKey::FETCH).always().cut_after(60);
        })
        .fails("Closed", CUT),
        case("ends of connections that pass", |kafka| {
            for bytes in [0, 2, 6, 60] {
                kafka.on(ApiKey::FETCH).cut_after(bytes);
                kafka.on(ApiKey::LIST_OFFSETS).cut_after(bytes);
            }
        })
        .reads_all(),
        case("an answer byte by byte that never ends", |kafka| {
            kafka.on(ApiKey::FETCH).always().trickle(Duration::from_millis(20));
        })
        .params(|params| params.request_timeout(Duration::from_millis(200)).max_wait(Duration::ZERO))
        .fails("Timeout", &["lines-0", "127.0.0.1", "has not answered Fetch"]),
        case("an answer byte by byte that ends", |kafka| {
            kafka.on(ApiKey::FETCH).trickle(Duration::from_micros(200));
        })
        .reads_all(),
        case("another number than that of the request", |kafka| {
            kafka.on(ApiKey::FETCH).always().wrong_correlation();
        })
        .fails("WrongAnswer", &["lines-0", "broker 127.0.0.1", "not Fetch with number"]),
        case("the answer to the request before", |kafka| {
            let before = Mutex::new(None);
            kafka.on(ApiKey::FETCH).always().reply_with(move |_, frame| {
                let mut before = before.lock().unwrap();
                before.replace(frame.clone()).unwrap_or(frame)
            });
            // So that there is a request before: the first one finds nothing.
            kafka.on(ApiKey::FETCH).silence();
        })
        .params(|params| params.request_timeout(Duration::from_millis(200)).max_wait(Duration::ZERO))
        .reads_all(),
        case("an answer that comes twice", |kafka| {
            kafka.on(ApiKey::LIST_OFFSETS).always().reply_with(|_, frame| {
                let length = (frame.len() as i32).to_be_bytes();
                [&frame[..], &length, &frame].concat()
            });
        })
        .fails("Protocol", &["127.0.0.1", "ListOffsets 5", "bytes follow"]),
    ]
}
