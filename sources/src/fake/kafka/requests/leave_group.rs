//! LeaveGroup: versions 0 to 3. From version 3 on for several members, each with an error of its own; an instance may be
//! named without its id.

use super::{Context, Handler, Outcome, membership};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::groups::Identity;
use crate::fake::kafka::seen::Named;
use crate::kafka::wire::messages::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse};

pub(super) struct LeaveGroup;

impl Handler for LeaveGroup {
    const VERSIONS: (i16, i16) = (0, 3);
    type Request<'a> = LeaveGroupRequest;

    fn names(request: &LeaveGroupRequest) -> Vec<Named> {
        vec![Named::topic(&request.group_id)]
    }

    fn answer(context: &Context<'_>, request: LeaveGroupRequest) -> Outcome {
        let LeaveGroupRequest { group_id, member_id, members } = request;
        let is_of_one = context.version < 3;
        let leaving: Vec<_> = if is_of_one {
            vec![membership::identity(member_id, None)]
        } else {
            let identity = |member| {
                let MemberIdentity { member_id, group_instance_id } = member;
                membership::identity(member_id, group_instance_id)
            };
            members.into_iter().map(identity).collect()
        };
        let (throttle_time_ms, left) = context.shared().change_groups(|state, now| {
            let left = membership::check(context, state, &group_id).map(|()| {
                let leave = |who: Identity| {
                    let group = state.groups.get_mut(&group_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID);
                    let error = group.and_then(|group| group.leave(&who, now)).err();
                    MemberResponse {
                        member_id: who.member,
                        group_instance_id: who.instance,
                        error_code: error.unwrap_or(ErrorCode::NONE),
                    }
                };
                leaving.into_iter().map(leave).collect::<Vec<_>>()
            });
            (state.throttle_time_ms, left)
        });
        let of_one =
            |left: &Vec<MemberResponse>| left.first().filter(|_| is_of_one).map(|one| one.error_code);
        let error_code = match &left {
            Ok(left) => of_one(left).unwrap_or(ErrorCode::NONE),
            Err(code) => *code,
        };
        let members = left.unwrap_or_default();
        context.reply(&LeaveGroupResponse { throttle_time_ms, error_code, members })
    }
}
