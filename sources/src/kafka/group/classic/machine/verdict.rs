//! What an answer that is none, or a refusal, asks a member to do. A part of the machine.

use std::fmt;

use super::event::Trouble;
use crate::kafka::client::control::is_passing;
use crate::kafka::{ErrorCode, KafkaError};

/// What to do.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The same again, later.
    Retry,
    /// Look for the coordinator, and the same again.
    NotThere,
    /// Join again: the group shares out anew.
    Rebalance,
    /// Join anew: the member is none any more. `forget`: nor is its id of use.
    NoMember { forget: bool },
    /// Nothing: another one has taken the place of this one.
    InstanceTwice,
    /// Nothing: the members have no way to share out in common.
    NoCommonAssignor,
    /// Nothing: this is the answer.
    Refused(ErrorCode),
    /// Nothing: this is wrong.
    Final(KafkaError),
}

impl Verdict {
    pub(super) fn of(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Refused { code, .. } => Self::of_code(*code),
            Trouble::Unanswered(error) if is_passing(error) || is_garbled(error) => Self::NotThere,
            Trouble::Unanswered(error) => Self::Final(error.clone()),
        }
    }

    pub(super) fn of_code(code: ErrorCode) -> Self {
        match code {
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => Self::NotThere,
            ErrorCode::REBALANCE_IN_PROGRESS => Self::Rebalance,
            ErrorCode::UNKNOWN_MEMBER_ID => Self::NoMember { forget: true },
            ErrorCode::ILLEGAL_GENERATION => Self::NoMember { forget: false },
            ErrorCode::FENCED_INSTANCE_ID => Self::InstanceTwice,
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL => Self::NoCommonAssignor,
            // Of a broker that takes no notice of the id that it gave.
            ErrorCode::MEMBER_ID_REQUIRED => Self::Retry,
            code if code.is_retriable() => Self::Retry,
            code => Self::Refused(code),
        }
    }
}

/// An answer that cannot be read may be followed by one that can.
fn is_garbled(error: &KafkaError) -> bool {
    match error {
        KafkaError::NoBroker { cause, .. } => is_garbled(cause),
        KafkaError::Protocol { .. }
        | KafkaError::WrongAnswer { .. }
        | KafkaError::ResponseTooLarge { .. }
        | KafkaError::BadValue { .. }
        | KafkaError::Stopped => true,
        _ => false,
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { server, code, .. } => write!(f, "{server} answers {code}"),
            Self::Unanswered(error) => write!(f, "{error}"),
        }
    }
}
