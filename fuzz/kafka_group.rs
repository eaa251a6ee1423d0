//! Targets for what members of a group tell each other through their coordinator.

use batchmill_sources::kafka::share_among_strangers;

/// Subscriptions with what the sticky assignors add, and a share, as any member may send them: what cannot be read is refused,
/// and what can is shared out so that each partition goes to one subscriber. `sources` says how the input is read.
pub fn kafka_group(data: &[u8]) {
    share_among_strangers(data);
}
