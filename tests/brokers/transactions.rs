//! Transactions of confluent-kafka's producer.

use batchmill_sources::kafka::Isolation;

use crate::{lines, on_clusters, params, read, values};

#[test]
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
