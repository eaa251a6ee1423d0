//! Fetches from one broker, on a thread of its own: asks for what the sink wants of the partitions that the broker leads, and
//! hands over what comes.

use std::sync::Arc;
use std::time::Duration;

use super::desk::Desk;
use super::shared::FetchShared;
use crate::kafka::client::deadline::now;

/// A thread that has nothing to fetch for so long ends.
const IDLE: Duration = Duration::from_secs(60);

/// The thread's way: until the fetcher is closed, or there is nothing to do any more.
pub(super) fn run(shared: &Arc<FetchShared>, node: i32) {
    let mut desk = Desk::new(shared, node);
    let mut link = shared.client.link(node);
    while desk.collect() {
        desk.give_back_strangers();
        if desk.own.is_empty() {
            if !shared.wait(node, Some(now() + IDLE)) && shared.retire(node) {
                return;
            }
            continue;
        }
        let (plan, next) = desk.plan();
        if plan.partitions.is_empty() {
            shared.wait(node, next);
        } else if let Err(error) = link.fetch(&mut desk, &plan) {
            let has_fetched = link.break_off(&desk);
            if !shared.way_out.is_closed() {
                desk.failed(&plan, has_fetched, &error);
            }
        }
    }
}
