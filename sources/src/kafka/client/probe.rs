//! Names what answers where no Kafka broker does, for the error that the user gets.

use std::sync::Arc;
use std::time::Duration;

use super::cluster::{Cluster, Target};
use super::deadline::Deadline;
use super::way_out::WayOut;
use crate::kafka::KafkaError;

/// A server that closes the connection at Kafka's requests is asked in the words of ZooKeeper, whose address is easily
/// taken for that of a broker: a better error, or `failure`.
pub(super) fn name_peer(
    cluster: &Cluster,
    target: &Target,
    way_out: &WayOut,
    failure: KafkaError,
) -> KafkaError {
    let deadline = Deadline::after(Duration::from_secs(1));
    let mut said = [0; 64];
    let mut length = 0;
    if let Ok(mut conn) = cluster.dial_bare(target, way_out, deadline) {
        let led = way_out.lead_to(conn.shut_handle());
        if led.is_some() && conn.write_all(b"srvr", deadline).is_ok() {
            while length < said.len() {
                match conn.read(&mut said[length..], deadline) {
                    Ok(read) if read > 0 => length += read,
                    _ => break,
                }
            }
        }
    }
    // What it says where the word is not allowed begins with the word.
    if said[..length].starts_with(b"Zookeeper version") || said[..length].starts_with(b"srvr is not") {
        let broker: Arc<str> = target.to_string().into();
        return KafkaError::NotKafka { broker, looks_like: "a ZooKeeper server" };
    }
    failure
}
