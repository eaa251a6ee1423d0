//! DescribeGroups: versions 0 to 4. A group that there is not is told as dead. Members' messages are told while the group is
//! stable, as by a real broker. Departs from it so: the state while partitions are shared out has the name that it has
//! from 1.1 on in every profile; what a client may do is never told.

use super::{Context, Handler, Outcome, membership};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::seen::Named;
use crate::kafka::wire::messages::{DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup};

pub(super) struct DescribeGroups;

impl Handler for DescribeGroups {
    const VERSIONS: (i16, i16) = (0, 4);
    type Request<'a> = DescribeGroupsRequest;

    fn names(request: &DescribeGroupsRequest) -> Vec<Named> {
        request.groups.iter().map(|group| Named::topic(group)).collect()
    }

    fn answer(context: &Context<'_>, request: DescribeGroupsRequest) -> Outcome {
        context.shared().pass_time();
        let state = context.shared().state.lock();
        let described = |group_id: &String| {
            let checked = membership::check(context, &state, group_id);
            let dead = || DescribedGroup { group_state: "Dead".to_owned(), ..DescribedGroup::default() };
            let found = match checked {
                Ok(()) => state.groups.get(group_id).map_or_else(dead, |group| group.described()),
                Err(_) => DescribedGroup::default(),
            };
            let error_code = checked.err().unwrap_or(ErrorCode::NONE);
            DescribedGroup { error_code, group_id: group_id.clone(), ..found }
        };
        let groups = request.groups.iter().map(described).collect();
        context.reply(&DescribeGroupsResponse { throttle_time_ms: state.throttle_time_ms, groups })
    }
}
