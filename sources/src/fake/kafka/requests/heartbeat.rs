//! Heartbeat: versions 0 to 3. While the leader shares out, brokers up to 2.4 say that the group rebalances, and later ones
//! that all is well.

use super::{Context, Handler, Outcome, membership};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::seen::Named;
use crate::kafka::wire::messages::{HeartbeatRequest, HeartbeatResponse};

pub(super) struct Heartbeat;

impl Handler for Heartbeat {
    const VERSIONS: (i16, i16) = (0, 3);
    type Request<'a> = HeartbeatRequest;

    fn names(request: &HeartbeatRequest) -> Vec<Named> {
        vec![Named::topic(&request.group_id)]
    }

    fn answer(context: &Context<'_>, request: HeartbeatRequest) -> Outcome {
        let HeartbeatRequest { group_id, generation_id, member_id, group_instance_id } = request;
        let who = membership::identity(member_id, group_instance_id);
        let (throttle_time_ms, answer) = context.shared().change_groups(|state, now| {
            let while_completing = state.profile_of(context.broker()).heartbeat_while_sharing();
            let answer = membership::check(context, state, &group_id).and_then(|()| {
                let group = state.groups.get_mut(&group_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
                group.heartbeat(&who, generation_id, now, while_completing)
            });
            (state.throttle_time_ms, answer)
        });
        let error_code = answer.err().unwrap_or(ErrorCode::NONE);
        context.reply(&HeartbeatResponse { throttle_time_ms, error_code })
    }
}
