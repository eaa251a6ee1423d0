//! What the cluster says of its brokers and topics.

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use batchmill_sources::fake::kafka::{ApiKey, ErrorCode, FakeKafka};
use batchmill_sources::kafka::KafkaParams;
use batchmill_sources::kafka::wire::messages::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use batchmill_sources::kafka::wire::{Uuid, Writer};

use super::spoil::{body, every, says, written};
use super::{Case, case};

/// Every answer says something else.
fn answer(change: impl Fn(&mut MetadataResponse) + Send + Sync + Copy + 'static) -> impl Fn(&FakeKafka) {
    move |kafka| every(kafka, change)
}

/// Every broker has another host.
fn host(host: String) -> impl Fn(&FakeKafka) {
    move |kafka| {
        let host = host.clone();
        every(kafka, move |answer: &mut MetadataResponse| {
            answer.brokers.iter_mut().for_each(|broker| broker.host.clone_from(&host));
        });
    }
}

/// Every broker has another port.
fn port(port: i32) -> impl Fn(&FakeKafka) {
    move |kafka| {
        every(kafka, move |answer: &mut MetadataResponse| {
            answer.brokers.iter_mut().for_each(|broker| broker.port = port);
        });
    }
}

/// Every partition is another.
fn partition(
    change: impl Fn(&mut MetadataResponsePartition) + Send + Sync + Copy + 'static,
) -> impl Fn(&FakeKafka) {
    answer(move |answer| {
        answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions).for_each(change);
    })
}

/// What stands before the array of brokers and of topics, in the flexible form.
fn start(out: &mut Writer) {
    out.i32(0);
}

fn stranger(partition_index: i32) -> MetadataResponsePartition {
    MetadataResponsePartition { partition_index, leader_id: 1, leader_epoch: 0, ..Default::default() }
}

/// Nothing is tried for long: who leads is asked until then.
fn soon(params: KafkaParams) -> KafkaParams {
    params.connect_timeout(Duration::from_millis(300)).request_timeout(Duration::from_millis(700))
}

pub(super) fn cases() -> Vec<Case> {
    const NO_LEADER: &[&str] = &["lines-0", "no leader that can be reached"];
    vec![
        case("an array of brokers with 2^31-1 entries", |kafka| {
            body(
                kafka,
                ApiKey::METADATA,
                written(|out| {
                    start(out);
                    out.uvarint(1 << 31);
                }),
            );
        })
        .fails("TooManyElements", &["127.0.0.1", "Metadata 12", "brokers"]),
        case("an array of brokers that is null", |kafka| {
            body(
                kafka,
                ApiKey::METADATA,
                written(|out| {
                    start(out);
                    out.uvarint(0);
                }),
            );
        })
        .fails("NegativeLength", &["127.0.0.1", "Metadata 12", "brokers"]),
        case("an array of topics with -2 entries", |kafka| {
            body(
                kafka,
                ApiKey::METADATA,
                written(|out| {
                    out.i32(0);
                    out.i32(-2);
                }),
            );
        })
        .cluster(|builder| builder.versions(ApiKey::METADATA, 0..=0))
        .fails("NegativeLength", &["127.0.0.1", "Metadata 0", "topics"]),
        case("an array of topics with as many entries as bytes", |kafka| {
            body(
                kafka,
                ApiKey::METADATA,
                written(|out| {
                    out.i32(0);
                    out.i32(100_000);
                    out.raw(&[0; 100_000]);
                }),
            );
        })
        .cluster(|builder| builder.versions(ApiKey::METADATA, 0..=0))
        .fails("TooManyElements", &["127.0.0.1", "Metadata 0", "topics"]),
        case("a varint of six bytes", |kafka| {
            body(
                kafka,
                ApiKey::METADATA,
                written(|out| {
                    start(out);
                    out.raw(&[0xFF; 6]);
                }),
            );
        })
        .fails("InvalidVarint", &["127.0.0.1", "Metadata 12", "brokers"]),
        case("twenty thousand topics", |kafka| {
            every(kafka, |answer: &mut MetadataResponse| {
                answer.topics.extend((0..20_000).map(|n| MetadataResponseTopic {
                    name: Some(format!("topic {n}")),
                    partitions: (0..3).map(stranger).collect(),
                    ..Default::default()
                }));
            });
        })
        .cluster(|builder| builder.versions(ApiKey::METADATA, 8..=8))
        .memory_mib(64)
        .reads_all(),
        case("no brokers", answer(|answer| answer.brokers.clear()))
            .params(soon)
            .fails("NoLeader", &["lines-0"]),
        case("a broker twice", answer(|answer| answer.brokers.extend(answer.brokers.clone()))).reads_all(),
        case(
            "a broker twice, at another address",
            answer(|answer| {
                answer.brokers.insert(
                    0,
                    MetadataResponseBroker { node_id: 1, host: "127.0.0.1".into(), port: 1, rack: None },
                );
            }),
        )
        .reads_all(),
        case("port 0", port(0)).params(soon).fails("NoLeader", NO_LEADER),
        case("port 70000", port(70_000)).params(soon).fails("NoLeader", NO_LEADER),
        case("port -1", port(-1)).params(soon).fails("NoLeader", NO_LEADER),
        case("a port where nobody listens", port(1))
            .params(soon)
            .fails("UnreachableAdvertised", &["127.0.0.1:1 (1)", "advertised.listeners"]),
        case("an empty host", host(String::new()))
            .params(soon)
            .fails("Resolve", &["(1)", "advertised.listeners"]),
        case("a host of 32767 bytes", host("h".repeat(32_767)))
            .params(soon)
            .fails("Resolve", &["(1)", "advertised.listeners"]),
        case("a host with NUL", host("127.0.0.1\0x".into()))
            .params(soon)
            .fails("Resolve", &["(1)", "advertised.listeners"]),
        case("a host that is no UTF-8", |kafka| {
            kafka.on(ApiKey::METADATA).always().reply_with(|_, mut frame| {
                let at = frame.windows(9).position(|text| text == b"127.0.0.1").unwrap();
                frame[at] = 0xFF;
                frame
            });
        })
        .fails("InvalidUtf8", &["127.0.0.1", "Metadata 12", "host"]),
        case("a leader that is no broker", partition(|partition| partition.leader_id = 77))
            .params(soon)
            .fails("NoLeader", NO_LEADER),
        case("a leader of number -1", partition(|partition| partition.leader_id = -1))
            .params(soon)
            .fails("NoLeader", NO_LEADER),
        case("a leader epoch that goes down for ever", |kafka| {
            let epoch = AtomicI32::new(i32::MAX);
            every(kafka, move |answer: &mut MetadataResponse| {
                let epoch = epoch.fetch_sub(1, Ordering::Relaxed);
                answer
                    .topics
                    .iter_mut()
                    .flat_map(|topic| &mut topic.partitions)
                    .for_each(|p| p.leader_epoch = epoch);
            });
        })
        .params(soon)
        .fails("LEADER_EPOCH", &["lines-0"])
        .requests(600),
        case(
            "a topic that was not asked for",
            answer(|answer| {
                answer.topics.push(MetadataResponseTopic {
                    name: Some("other".into()),
                    partitions: vec![stranger(0)],
                    ..Default::default()
                });
            }),
        )
        .reads_all(),
        case(
            "only a topic that was not asked for",
            answer(|answer| {
                answer.topics.iter_mut().for_each(|topic| topic.name = Some("other".into()));
            }),
        )
        .fails("UnknownTopic", &["lines"]),
        case(
            "a topic without a name",
            answer(|answer| answer.topics.iter_mut().for_each(|topic| topic.name = None)),
        )
        .fails("UnknownTopic", &["lines"]),
        case("a topic twice", answer(|answer| answer.topics.extend(answer.topics.clone()))).reads_all(),
        case(
            "a topic without partitions",
            answer(|answer| answer.topics.iter_mut().for_each(|topic| topic.partitions.clear())),
        )
        .range_fails("UnknownPartition", &["lines-0", "the topic has 0"]),
        case(
            "a partition twice",
            answer(|answer| {
                answer.topics.iter_mut().for_each(|topic| topic.partitions.extend(topic.partitions.clone()));
            }),
        )
        .reads_all(),
        case(
            "a partition below zero",
            answer(|answer| {
                answer.topics.iter_mut().for_each(|topic| topic.partitions.push(stranger(-1)));
            }),
        )
        .reads_all(),
        case("ids of topics that change with every answer", |kafka| {
            let id = AtomicI32::new(1);
            every(kafka, move |answer: &mut MetadataResponse| {
                let id = id.fetch_add(1, Ordering::Relaxed).to_be_bytes();
                answer
                    .topics
                    .iter_mut()
                    .for_each(|topic| topic.topic_id = Uuid([id; 4].concat().try_into().unwrap()));
            });
        })
        // The range may be done before the second answer; the stream looks at every refresh, and is stepped without a pause.
        .requests(10_000)
        .running_stream_fails("TopicRecreated", &["lines"])
        .deceives_the_crate(),
        case("another cluster behind the same address", |kafka| {
            // The topic has another id there, for it is the second.
            let other = FakeKafka::builder().topic("first", 1).topic("lines", 1).start().unwrap();
            let port = other.bootstrap().rsplit_once(':').unwrap().1.parse().unwrap();
            other.produce("lines", 0, ["of the other cluster"]).unwrap();
            // It lives as long as the process of the case.
            std::mem::forget(other);
            says(kafka.on(ApiKey::METADATA).after(1).always(), move |answer: &mut MetadataResponse| {
                answer.cluster_id = Some("another".into());
                answer.brokers.iter_mut().for_each(|broker| broker.port = port);
                answer.topics.iter_mut().for_each(|topic| topic.topic_id = Uuid([7; 16]));
            });
        })
        .requests(10_000)
        .running_stream_fails("TopicRecreated", &["lines"]),
        case(
            "an error without a name for a topic",
            answer(|answer| {
                answer.topics.iter_mut().for_each(|topic| topic.error_code = ErrorCode(999));
            }),
        )
        .fails("999", &["lines", "999"]),
        case("a throttle time of 2^31-1 ms", answer(|answer| answer.throttle_time_ms = i32::MAX)).reads_all(),
        case("a throttle time below zero", answer(|answer| answer.throttle_time_ms = i32::MIN)).reads_all(),
    ]
}
