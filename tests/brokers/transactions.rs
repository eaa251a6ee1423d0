//! Transactions of confluent-kafka's producer.

use batchmill_sources::kafka::{self, ConsumerStrategy, ErrorCode, Isolation, KafkaError};
use batchmill_tests::over_the_crate;

use crate::{context, kafka_error, lines, on_clusters, params, read, step_until_error, values};

fn only_committed_transactions_are_read_unless_all_is_asked_for() {
    on_clusters(
        "transactions",
        |cluster| cluster.release() >= (0, 11),
        |cluster| {
            let topic = cluster.create_topic("transactions", 2);
            let mut committed = lines(100, |n| format!("plain {n:02}"));
            cluster.produce(&topic, "none", &committed);
            let mut all = committed.clone();
            for (id, ending) in [("one", "commit"), ("two", "abort"), ("one", "abort"), ("two", "commit")] {
                let records = lines(100, |n| format!("{ending} of {id} {n:02}"));
                cluster.confluent(&["transact", &topic, &format!("{topic}-{id}"), ending], &records);
                if ending == "commit" {
                    committed.extend(records.iter().cloned());
                }
                all.extend(records);
            }
            committed.sort();
            all.sort();
            let records = read(cluster, &topic, params());
            assert_eq!(values(&records), committed);
            // kcat reads committed records too, unless it is told otherwise.
            assert_eq!(records, cluster.read_by_kcat(&topic));
            let uncommitted = params().isolation(Isolation::ReadUncommitted);
            assert_eq!(values(&read(cluster, &topic, uncommitted)), all);
        },
    );
}

#[test]
fn the_crate_refuses_a_topic_with_transactions() {
    over_the_crate(|| {
        on_clusters(
            "markers",
            |cluster| cluster.release() >= (0, 11),
            |cluster| {
                for (name, behind) in [("marker-at-end", 0), ("marker-within", 3)] {
                    let topic = cluster.create_topic(name, 1);
                    cluster
                        .confluent(&["transact", &topic, &topic, "commit"], &lines(10, |n| format!("{n}")));
                    cluster.produce(&topic, "none", &lines(behind, |n| format!("behind {n}")));
                    let ssc = context();
                    let topics = ConsumerStrategy::subscribe([topic.as_str()]);
                    let params = params().max_partition_bytes(1 << 20).max_record_bytes(1 << 20);
                    kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params).count().collect();
                    let error = step_until_error(&mut ssc.start_stepped().unwrap());
                    match kafka_error(&error) {
                        KafkaError::Gap { from: 10, to: 11, .. } => {}
                        // A marker with nothing behind it they send as it is.
                        KafkaError::KafkaCrate { .. } if behind == 0 && cluster.release() < (2, 0) => {}
                        // 0.11 stumbles over one wherever it is.
                        KafkaError::Broker { code: ErrorCode::UNKNOWN_SERVER_ERROR, .. }
                            if cluster.release() == (0, 11) => {}
                        _ => panic!("{error}"),
                    }
                }
            },
        );
    });
}

batchmill_tests::scenarios! {
    only_committed_transactions_are_read_unless_all_is_asked_for needs Transactions;
}
