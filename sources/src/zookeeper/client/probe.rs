//! What answers where a ZooKeeper was expected and nobody takes the session. A Kafka broker closes such a connection without
//! a word, as a ZooKeeper without a quorum does; so it is asked what only a broker answers.

use std::time::Duration;

use super::link::Link;
use crate::net::address::Address;
use crate::net::deadline::Deadline;
use crate::net::tcp::write_all;
use crate::net::way_out::WayOut;

const PATIENCE: Duration = Duration::from_secs(1);

/// The number by which the answer is known.
const CORRELATION_ID: i32 = 0x5a4b_3f3f;

/// Whether a Kafka broker of any version answers there: to Metadata 0 for all topics, which creates none.
pub(super) fn is_kafka(to: &Address, way_out: &WayOut) -> bool {
    let deadline = Deadline::after(PATIENCE);
    let Ok(Some(mut link)) = Link::dial(to, deadline, way_out) else { return false };
    // Key 3, version 0, the number, no client id, no topics named.
    let mut request = vec![0, 0, 0, 14, 0, 3, 0, 0];
    request.extend(CORRELATION_ID.to_be_bytes());
    request.extend([0xff, 0xff, 0, 0, 0, 0]);
    if write_all(&link.socket, &request, deadline).is_err() {
        return false;
    }
    link.read(deadline).is_ok_and(|answer| answer.starts_with(&CORRELATION_ID.to_be_bytes()))
}
