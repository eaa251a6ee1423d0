//! What becomes of an offset that a broker says it does not have. Runs on a thread of the stream's that may wait.

use super::logs::{logs, not_in_log};
use super::read_ahead::ReadAhead;
use crate::kafka::TopicPartition;
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::Transport;
use crate::kafka::params::OnLostRange;

/// Asks the log for its ends, and does what the settings say: the partition goes on elsewhere, which the returned detail of
/// the event `range_lost` tells; or it fails; or it is asked again, for the offset is there.
pub(super) fn settle(
    partition: &TopicPartition,
    wanted: i64,
    policy: OnLostRange,
    transport: &dyn Transport,
    read_ahead: &ReadAhead,
    deadline: Deadline,
) -> Option<String> {
    let log = match logs(std::slice::from_ref(partition), transport, deadline) {
        Ok(log) => log[0],
        Err(error) => {
            read_ahead.fail(partition, error);
            return None;
        }
    };
    if log.contains(wanted) {
        // A follower was behind, or the log has grown meanwhile. If that goes on, somebody lies.
        read_ahead.doubt(partition, not_in_log(partition, wanted, log));
        return None;
    }
    let why = not_in_log(partition, wanted, log);
    let goes_on = match policy {
        OnLostRange::Stop => {
            read_ahead.fail(partition, why);
            return None;
        }
        OnLostRange::SkipToEarliest => log.earliest,
        OnLostRange::SkipToLatest => log.latest,
    };
    read_ahead.move_to(partition, goes_on);
    Some(format!("{why}; reading goes on at {goes_on}"))
}
