//! The session's thread and what it shares with the threads that ask.

mod link;
mod machine;
mod probe;
mod shared;
mod thread;

pub(super) use machine::Asked;
pub(super) use shared::{Phase, Settings, Shared};
pub(super) use thread::start;
