//! The example programs as a user meets them: started with arguments, fed over sockets and files, their output compared
//! line by line. Each test starts processes of its own.

#![expect(clippy::unwrap_used, reason = "a test says by panicking that something is not as it should be")]

mod blocks;
mod child;
#[cfg(unix)]
mod fake;
mod groups;
mod mistakes;
mod network;
#[cfg(unix)]
mod signals;
mod streams;
