//! Scenario tests, a module per theme. They use what every user can: the public API.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![expect(clippy::print_stdout, reason = "the output of a failing test says what it was at")]

mod corpus;
mod hostile;
mod inputs;
mod kafka;
mod life_cycle;
mod listeners;
mod mistakes;
mod oracle;
mod panics;
mod policy;
mod receivers;
mod sources;
mod stored;
mod stuck;
mod timing;
mod zookeeper;
