//! What the requests of a group's members have in common: where they may be asked, and how one waits for the others.

use std::time::Duration;

use super::Context;
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::cluster::State;
use crate::fake::kafka::groups::{Identity, Promise};

/// Nothing, or why a request about a group is refused whatever it says: by a fault, or because another broker cares for the
/// group.
pub(super) fn check(context: &Context<'_>, state: &State, group: &str) -> Result<(), ErrorCode> {
    context.befallen.error(group, None).map_or(Ok(()), Err)?;
    if is_here(context, state, group) { Ok(()) } else { Err(ErrorCode::NOT_COORDINATOR) }
}

/// Whether this broker cares for a group.
pub(super) fn is_here(context: &Context<'_>, state: &State, group: &str) -> bool {
    state.coordinator(group).is_some_and(|broker| broker.id == context.broker())
}

pub(super) fn identity(member: String, instance: Option<String>) -> Identity {
    Identity { member, instance }
}

/// Waits for what a group has promised; `elsewhere` if another broker cares for it meanwhile. None if the broker stops, or
/// if a later request of the member has taken the place of this one, which is then never answered.
pub(super) fn wait<T: Clone>(
    context: &Context<'_>,
    group: &str,
    promise: &Promise<T>,
    elsewhere: &T,
) -> Option<T> {
    let connection = context.connection;
    let waited = context.shared().wait_for(Duration::MAX, |state, _| {
        if let Some(answer) = promise.answer() {
            return Some(Some(answer.clone()));
        }
        if !state.runs(connection.broker, connection.start) || !promise.is_awaited() {
            return Some(None);
        }
        (!is_here(context, state, group)).then(|| Some(elsewhere.clone()))
    });
    waited.flatten()
}
