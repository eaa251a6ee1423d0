//! What a broker's answer means for a batch.

use super::batch::Batch;
use crate::kafka::wire::ErrorCode;

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The broker has it.
    Done,
    /// It is sent again. It may have been appended (`in_doubt`), or somebody else leads the partition (`stale`).
    Again { in_doubt: bool, stale: bool },
    /// It is sent again once those before it are settled, which are not.
    AfterOthers,
    /// It was not appended, and needs a number of another id.
    Renumber,
    /// Nobody can say whether it was appended.
    InDoubt,
    /// It is sent in halves.
    Split,
    /// It fails, and was not appended.
    Fail,
}

/// Judges an answer. `has_earlier` tells whether a batch before this one is not settled.
pub(super) fn verdict(code: ErrorCode, batch: &Batch, has_earlier: impl FnOnce() -> bool) -> Verdict {
    match code {
        ErrorCode::NONE => Verdict::Done,
        ErrorCode::DUPLICATE_SEQUENCE_NUMBER if batch.in_doubt => Verdict::Done,
        // No attempt can have appended it: the broker has others with such numbers.
        ErrorCode::DUPLICATE_SEQUENCE_NUMBER if batch.number.is_some() => Verdict::Renumber,
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => Verdict::Split,
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER if batch.number.is_some() && has_earlier() => {
            Verdict::AfterOthers
        }
        // This answer says that it was not appended by this attempt.
        ErrorCode::UNKNOWN_PRODUCER_ID if batch.number.is_some() && !batch.in_doubt => Verdict::Renumber,
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
        | ErrorCode::UNKNOWN_PRODUCER_ID
        | ErrorCode::INVALID_PRODUCER_ID_MAPPING
        | ErrorCode::INVALID_PRODUCER_EPOCH
            if batch.number.is_some() =>
        {
            Verdict::InDoubt
        }
        code if code.is_retriable() => Verdict::Again {
            in_doubt: matches!(
                code,
                ErrorCode::REQUEST_TIMED_OUT
                    | ErrorCode::NETWORK_EXCEPTION
                    | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
                    // Said of what waits for its replicas, too, when the broker stops leading the partition.
                    | ErrorCode::NOT_LEADER_OR_FOLLOWER
                    | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                    | ErrorCode::KAFKA_STORAGE_ERROR
            ),
            stale: code.is_stale_metadata(),
        },
        _ => Verdict::Fail,
    }
}
