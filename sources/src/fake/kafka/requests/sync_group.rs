//! SyncGroup: versions 0 to 3. Answered when the leader has shared the partitions out. As brokers do from 3.0 on, and here in
//! every profile, a member that does not ask within the time for a rebalance is put out.

use std::collections::BTreeMap;

use super::{Context, Handler, Outcome, membership};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::groups::Promise;
use crate::fake::kafka::seen::Named;
use crate::kafka::wire::messages::{SyncGroupRequest, SyncGroupResponse};

pub(super) struct SyncGroup;

impl Handler for SyncGroup {
    const VERSIONS: (i16, i16) = (0, 3);
    type Request<'a> = SyncGroupRequest<'a>;

    fn names(request: &SyncGroupRequest<'_>) -> Vec<Named> {
        vec![Named::topic(&request.group_id)]
    }

    fn answer(context: &Context<'_>, request: SyncGroupRequest<'_>) -> Outcome {
        let SyncGroupRequest { group_id, generation_id, member_id, group_instance_id, assignments } = request;
        let who = membership::identity(member_id, group_instance_id);
        let shares = assignments.into_iter().map(|share| (share.member_id, share.assignment.to_vec()));
        let shares: BTreeMap<_, _> = shares.collect();
        let promise = context.shared().change_groups(|state, now| {
            if let Err(code) = membership::check(context, state, &group_id) {
                return Promise::kept(Err(code));
            }
            match state.groups.get_mut(&group_id) {
                Some(group) => group.sync(&who, generation_id, shares, now),
                None => Promise::kept(Err(ErrorCode::UNKNOWN_MEMBER_ID)),
            }
        });
        let assigned = membership::wait(context, &group_id, &promise, &Err(ErrorCode::NOT_COORDINATOR));
        let Some(assigned) = assigned else { return Outcome::Nothing };
        context.reply(&SyncGroupResponse {
            throttle_time_ms: context.shared().state.lock().throttle_time_ms,
            error_code: assigned.as_ref().err().copied().unwrap_or(ErrorCode::NONE),
            assignment: assigned.as_deref().unwrap_or_default(),
        })
    }
}
