//! What is agreed with brokers of each release, and when silence means an old one.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use super::*;
use crate::fake::kafka::{ApiKey, Profile};
use crate::kafka::KafkaError;
use crate::kafka::client::settings::OldVersion;
use crate::kafka::client::transport::TopicFilter;

#[test]
fn records_of_every_release_are_fetched_in_order() {
    for profile in Profile::all() {
        let kafka = FakeKafka::builder().profile(profile).brokers(2).topic("t", 3).start().unwrap();
        let names: Vec<_> = (0..3).map(|number| partition("t", number)).collect();
        names.iter().for_each(|name| store(&kafka, "t", name.partition, 0, 100));
        let client = client(&kafka);
        let wants: Vec<_> = names.iter().map(from_start).collect();
        let (sink, fetcher) = Collected::start(&client, &wants);
        names.iter().for_each(|name| sink.wait_for_values(name, 100));
        names.iter().for_each(|name| store(&kafka, "t", name.partition, 100, 10));
        names.iter().for_each(|name| sink.wait_for_values(name, 110));
        drop(fetcher);
        let versions: Vec<_> = kafka.requests_of(ApiKey::FETCH).iter().map(|seen| seen.version).collect();
        let highest = *profile.versions(ApiKey::FETCH).unwrap().end();
        assert!(versions.iter().all(|version| *version == highest.min(11)), "{profile}: {versions:?}");
        assert!(sink.state.lock().failures.is_empty(), "{profile}");
    }
}

#[test]
fn the_version_of_an_old_broker_can_be_given() {
    let kafka = FakeKafka::builder().profile(Profile::V0_9).topic("t", 1).start().unwrap();
    let mut settings = settings(&kafka);
    settings.broker_version = Some(OldVersion::V0_9);
    let client = NativeTransport::new(settings);
    assert_eq!(client.topics(TopicFilter::All, soon()).unwrap().len(), 1);
    assert!(kafka.requests_of(ApiKey::API_VERSIONS).is_empty());
}

#[test]
fn a_broker_that_is_killed_while_it_is_asked_does_not_count_as_old() {
    let kafka = FakeKafka::builder().brokers(2).topic("t", 1).start().unwrap();
    let client = client(&kafka);
    let (first, second) = (kafka.brokers()[0], kafka.brokers()[1]);
    assert_eq!(client.topics(TopicFilter::All, soon()).unwrap().len(), 1);
    // One has told its versions: the other does not count as old, whatever it does.
    kafka.on(ApiKey::API_VERSIONS).times(3).disconnect();
    kafka.move_leader("t", 0, first).unwrap();
    let at = [(partition("t", 0), super::super::transport::OffsetAt::Latest)];
    client.offsets(&at, soon()).unwrap();
    kafka.move_leader("t", 0, second).unwrap();
    client.offsets(&at, soon()).unwrap();
    assert!(kafka.requests_of(ApiKey::METADATA).iter().all(|seen| seen.version == 12));
    assert!(kafka.requests_of(ApiKey::LIST_OFFSETS).iter().all(|seen| seen.version == 5));
}

#[test]
fn a_broker_counts_as_old_only_until_its_connection_is_lost() {
    let kafka = FakeKafka::builder().profile(Profile::V2_4).topic("t", 1).start().unwrap();
    let client = client(&kafka);
    kafka.on(ApiKey::API_VERSIONS).disconnect();
    client.topics(TopicFilter::All, soon()).unwrap();
    kafka.disconnect_clients(kafka.brokers()[0]).unwrap();
    client.topics(TopicFilter::All, soon()).unwrap();
    let versions: Vec<_> = kafka.requests_of(ApiKey::METADATA).iter().map(|seen| seen.version).collect();
    // The question whether it is a broker at all, the first answer, and the one after that.
    assert_eq!(versions, [0, 0, 8]);
}

/// A server that answers every connection with these bytes, after it was asked something.
fn server(answer: &'static [u8]) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serve = move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut word = [0; 4];
            if stream.read_exact(&mut word).is_err() || &word == b"STOP" {
                return;
            }
            if answer.is_empty() && &word == b"srvr" {
                let _ = stream.write_all(b"Zookeeper version: 3.8.4");
            }
            let _ = stream.write_all(answer);
            // What is left unread would reset the connection, and take the answer with it.
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    };
    (address, std::thread::spawn(serve))
}

fn looks_like(answer: &'static [u8]) -> String {
    let (address, thread) = server(answer);
    let client = NativeTransport::new(settings_for(&address));
    let error = client.topics(TopicFilter::All, soon()).unwrap_err();
    drop(client);
    std::net::TcpStream::connect(&address).unwrap().write_all(b"STOP").unwrap();
    thread.join().unwrap();
    let KafkaError::NoBroker { cause, .. } = &error else { panic!("{error}") };
    match &**cause {
        KafkaError::NotKafka { looks_like, .. } => (*looks_like).to_owned(),
        other => format!("{other}"),
    }
}

#[test]
fn what_answers_instead_of_a_broker_is_named() {
    assert_eq!(looks_like(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "HTTP");
    assert_eq!(looks_like(b"\x15\x03\x01\x00\x02\x02\x46"), "TLS");
    assert_eq!(looks_like(b""), "a ZooKeeper server");
}

#[test]
fn a_first_answer_that_is_too_long_is_refused() {
    let said = looks_like(&[0, 16, 0, 1, 0, 0, 0, 1]);
    assert!(said.contains("1048577 bytes, more than the 1048576 allowed"), "{said}");
}

#[test]
fn nobody_there_is_an_error_that_names_who_was_asked() {
    let client = NativeTransport::new(settings_for("127.0.0.1:1"));
    let error = client.topics(TopicFilter::All, Deadline::after(Duration::from_millis(50))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "none of 1 brokers in 127.0.0.1:1 could be talked to; the last: no connection to broker 127.0.0.1:1: \
         connection refused"
    );
}
