//! Targets for groups: what members tell each other through their coordinator, and what a member makes of what happens.

use batchmill_sources::kafka::{rehearse_membership, share_among_strangers, zookeeper};

/// Subscriptions with what the sticky assignors add, and a share, as any member may send them: what cannot be read is refused,
/// and what can is shared out so that each partition goes to one subscriber. `sources` says how the input is read.
pub fn kafka_group(data: &[u8]) {
    share_among_strangers(data);
}

/// A member's way, whatever happens in whatever order: it tells the stream of each partition that comes and goes, and of each
/// offset what became of it. The first byte says who coordinates the group: even numbers a broker, odd ones ZooKeeper.
pub fn group_machine(data: &[u8]) {
    match data {
        [coordinator, events @ ..] if coordinator % 2 == 0 => rehearse_membership(events),
        [_, events @ ..] => zookeeper::rehearse_membership(events),
        [] => {}
    }
}
