//! From the kill -9 of one of two members of a group to the other one reading its partition; see `members/mod.rs`. The last
//! line is the median in milliseconds, the session in it.

mod kafka;
mod members;

use std::time::Duration;

use members::Bench;

fn main() -> Result<(), kafka::broker::Failure> {
    let both = [6_500, 6_300].map(Duration::from_millis);
    Bench { name: "rebalance", kill: true, rounds: 20, brokers: both, zookeeper: both }.run()
}
