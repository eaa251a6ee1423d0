//! ListGroups: versions 0 to 2. A broker lists the groups that it cares for.

use super::{Context, Handler, Outcome, membership};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::groups::Group;
use crate::fake::kafka::seen::Named;
use crate::kafka::wire::messages::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

pub(super) struct ListGroups;

impl Handler for ListGroups {
    const VERSIONS: (i16, i16) = (0, 2);
    type Request<'a> = ListGroupsRequest;

    fn names(_: &ListGroupsRequest) -> Vec<Named> {
        Vec::new()
    }

    fn answer(context: &Context<'_>, _: ListGroupsRequest) -> Outcome {
        let state = context.shared().state.lock();
        let scripted = context.befallen.of_the_whole();
        let here = state
            .groups
            .iter()
            .filter(|(name, _)| scripted.is_none() && membership::is_here(context, &state, name));
        let listed = |(name, group): (&String, &Group)| ListedGroup {
            group_id: name.clone(),
            protocol_type: group.protocol_type().to_owned(),
        };
        context.reply(&ListGroupsResponse {
            throttle_time_ms: state.throttle_time_ms,
            error_code: scripted.unwrap_or(ErrorCode::NONE),
            groups: here.map(listed).collect(),
        })
    }
}
