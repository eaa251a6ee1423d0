//! What becomes of an offset that a broker says it does not have. Runs on a thread of the stream's that may wait.

use super::logs::{logs, not_in_log};
use super::read_ahead::ReadAhead;
use crate::kafka::TopicPartition;
use crate::kafka::client::control::is_passing;
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::Transport;
use crate::kafka::params::OnLostRange;

/// Asks the log for its ends, and does what the settings say: the partition goes on elsewhere, which the returned detail of
/// the event `range_lost` tells; or it fails; or it is asked again, for the offset is there, or nobody could say.
///
/// Above the end of the log nothing was deleted that could be skipped: a log that got shorter fails the partition whatever
/// the settings say. Below its place there would be offsets that were read already, with other records.
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
            // An offset that is not there is told of again.
            match is_passing(&error) {
                true => read_ahead.doubt(partition, error),
                false => read_ahead.fail(partition, error),
            }
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
        OnLostRange::SkipToEarliest if wanted < log.earliest => log.earliest,
        OnLostRange::SkipToLatest if wanted < log.earliest => log.latest,
        OnLostRange::Stop | OnLostRange::SkipToEarliest | OnLostRange::SkipToLatest => {
            read_ahead.fail(partition, why);
            return None;
        }
    };
    read_ahead.move_to(partition, goes_on);
    Some(format!("{why}; reading goes on at {goes_on}"))
}
