//! What can be wrong with bytes that should be ZooKeeper's protocol. Made by the decoders; the client adds whose bytes they
//! were.

use std::error::Error;
use std::fmt;

/// Why bytes are not the message they should be. `what` names the field, `at` is the byte at which it starts.
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
        length: i32,
    },
    /// A list claims more elements than the bytes left can hold, or than any list may have.
    TooManyElements {
        /// The field.
        what: &'static str,
        /// Where its count starts.
        at: usize,
        /// How many elements it claims.
        count: usize,
        /// How many there can be.
        limit: usize,
    },
    /// A string is not UTF-8.
    InvalidUtf8 {
        /// The field.
        what: &'static str,
        /// Where its bytes start.
        at: usize,
    },
    /// A field has a value that it cannot have.
    InvalidValue {
        /// The field.
        what: &'static str,
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
            Self::InvalidValue { what, value } => write!(f, "{what} cannot be {value}"),
            Self::TrailingBytes { at, left } => {
                write!(f, "{left} bytes follow the message's end at byte {at}")
            }
        }
    }
}

impl Error for WireError {}
