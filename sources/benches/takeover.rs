//! From the order to stop, given to one of two members of a group, to the other one reading its partition; see
//! `members/mod.rs`. The last line is the median in milliseconds.

mod kafka;
mod members;

use std::time::Duration;

use members::Bench;

fn main() -> Result<(), kafka::broker::Failure> {
    let brokers = [500, 300].map(Duration::from_millis);
    let zookeeper = [300, 100].map(Duration::from_millis);
    Bench { name: "takeover", kill: false, rounds: 40, brokers, zookeeper }.run()
}
