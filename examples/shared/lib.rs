//! What the examples have in common, so that each shows little more than its stream: arguments, a context with the
//! common options, lines on standard error for what sources report, Ctrl-C, exit codes, a text server to read from.
//!
//! A program's `main` calls [`program`], whose body runs on the main thread.
//!
//! | exit code | when |
//! |---|---|
//! | 0 | the program did what it was asked to; after Ctrl-C too, for that is how a stream without an end is ended, and when the reader of its output has gone away (`\| head`) |
//! | 1 | the context failed: one line on standard error |
//! | 2 | the arguments are wrong: what is wrong and the usage on standard error |
//! | 130 | a second Ctrl-C, which does not wait for the batch that is running |

mod arguments;
mod console;
mod kafka;
mod options;
mod program;
mod source;

pub use arguments::{Arguments, UsageError};
pub use kafka::{Group, GroupSource, KafkaSource};
pub use options::Options;
pub use program::{Failure, program, run};
pub use source::TextSource;
