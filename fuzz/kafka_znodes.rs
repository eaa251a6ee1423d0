//! What Kafka's nodes in a ZooKeeper hold: whoever has written it, reading it ends, and what is read can be relied upon.

use batchmill_sources::kafka::zookeeper::nodes::{Registration, read_broker, read_offset, read_topic};

/// Topics that a registration is asked about.
const TOPICS: [&str; 4] = ["lines", "log-a", "", "__consumer_offsets"];

/// Reads an input as each kind of node.
pub fn kafka_znodes(data: &[u8]) {
    if let Ok(registration) = Registration::read(data) {
        for topic in TOPICS {
            assert!(registration.threads(topic) <= 10_000);
        }
        if let Registration::Named(topics) = &registration {
            assert!(topics.values().all(|threads| *threads >= 1));
        }
    }
    if let Ok(partitions) = read_topic(data) {
        assert!(partitions.iter().all(|partition| *partition >= 0));
    }
    if let Ok(offset) = read_offset(data) {
        assert_eq!(read_offset(offset.to_string().as_bytes()), Ok(offset));
    }
    for protocol in ["PLAINTEXT", "SSL"] {
        let _ = read_broker(data, protocol);
    }
}
