//! What answers where a ZooKeeper was expected and nobody takes the session. A Kafka broker takes the first message for a
//! Produce without topics that nobody has to acknowledge: it closes the connection without a word, as a ZooKeeper without a
//! quorum does, or says nothing, as one that has much to do. So it is asked what only a broker answers.

use std::time::Duration;

use super::link::Link;
use crate::net::address::Address;
use crate::net::deadline::Deadline;
use crate::net::tcp::write_all;
use crate::net::way_out::WayOut;

/// A server that has not taken a new session by then may be a broker. One that is has answered by then.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// The number by which the answer is known.
const CORRELATION_ID: i32 = 0x5a4b_3f3f;

/// Whether a Kafka broker of any version answers there, soon and before the deadline: to Metadata 0 for all topics, which
/// creates none.
pub(super) fn is_kafka(to: &Address, deadline: Deadline, way_out: &WayOut) -> bool {
    let deadline = deadline.min(Deadline::after(SOON));
    let Ok(Some(mut link)) = Link::dial(to, deadline, way_out) else { return false };
    // Key 3, version 0, the number, no client id, no topics named.
    let mut request = vec![0, 0, 0, 14, 0, 3, 0, 0];
    request.extend(CORRELATION_ID.to_be_bytes());
    request.extend([0xff, 0xff, 0, 0, 0, 0]);
    if write_all(&link.socket, &request, deadline).is_err() {
        return false;
    }
    link.begins_with_number(CORRELATION_ID, deadline)
}
