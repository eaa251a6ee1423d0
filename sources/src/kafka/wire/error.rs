//! What can be wrong with bytes that should be Kafka's protocol. Made by the decoders, and by the encoders for what has no
//! form on the wire; the client and the fake add whose bytes they were.

use std::error::Error;
use std::fmt;

use super::ApiKey;

/// Why bytes are not the message they should be. `what` names the field, `at` is the byte at which it starts, counted from
/// the start of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireError {
    /// The input ends within a field.
    Truncated {
        /// The field.
        what: &'static str,
        /// Where it starts.
        at: usize,
        /// How many bytes it has.
        needed: usize,
        /// How many are left.
        left: usize,
    },
    /// A length or a count is below zero where nothing may be absent, or below -1.
    NegativeLength {
        /// The field.
        what: &'static str,
        /// Where its length starts.
        at: usize,
        /// The length.
        length: i64,
    },
    /// An array claims more elements than the bytes left can hold, or than any array may have.
    TooManyElements {
        /// The field.
        what: &'static str,
        /// Where its count starts.
        at: usize,
        /// How many elements it claims.
        count: u64,
        /// How many there can be.
        limit: u64,
    },
    /// A string is not UTF-8.
    InvalidUtf8 {
        /// The field.
        what: &'static str,
        /// Where its bytes start.
        at: usize,
    },
    /// A number of variable length has more bits than its type.
    InvalidVarint {
        /// The field.
        what: &'static str,
        /// Where it starts.
        at: usize,
    },
    /// A field has a value that it cannot have.
    InvalidValue {
        /// The field.
        what: &'static str,
        /// Where it starts.
        at: usize,
        /// The value.
        value: i64,
    },
    /// Bytes follow the end of a message.
    TrailingBytes {
        /// Where the message ends.
        at: usize,
        /// How many bytes follow.
        left: usize,
    },
    /// A message has no layout of this version here.
    UnknownVersion {
        /// The request.
        key: ApiKey,
        /// The version.
        version: i16,
    },
    /// The response is not the one to the request that waits for it.
    BadCorrelation {
        /// The id of the request.
        expected: i32,
        /// The id in the response.
        found: i32,
    },
    /// Something to be encoded is longer than its length field can say.
    TooLong {
        /// What it is.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The greatest length.
        limit: usize,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { what, at, needed, left } => {
                write!(f, "{what} at byte {at} needs {needed} bytes, {left} are left")
            }
            Self::NegativeLength { what, at, length } => write!(f, "{what} at byte {at} has length {length}"),
            Self::TooManyElements { what, at, count, limit } => {
                write!(f, "{what} at byte {at} claims {count} elements, at most {limit} are possible")
            }
            Self::InvalidUtf8 { what, at } => write!(f, "{what} at byte {at} is not UTF-8"),
            Self::InvalidVarint { what, at } => write!(f, "{what} at byte {at} has more bits than its type"),
            Self::InvalidValue { what, at, value } => write!(f, "{what} at byte {at} cannot be {value}"),
            Self::TrailingBytes { at, left } => {
                write!(f, "{left} bytes follow the message's end at byte {at}")
            }
            Self::UnknownVersion { key, version } => write!(f, "{key} has no version {version} here"),
            Self::BadCorrelation { expected, found } => {
                write!(f, "the response is to request {found}, not to {expected}")
            }
            Self::TooLong { what, length, limit } => {
                write!(f, "{what} has {length} bytes, more than the {limit} it can have")
            }
        }
    }
}

impl Error for WireError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_field_and_the_byte() {
        let error = WireError::Truncated { what: "FetchTopic.topic", at: 17, needed: 9, left: 3 };
        assert_eq!(error.to_string(), "FetchTopic.topic at byte 17 needs 9 bytes, 3 are left");
        let error = WireError::UnknownVersion { key: ApiKey::FETCH, version: 12 };
        assert_eq!(error.to_string(), "Fetch has no version 12 here");
    }
}
