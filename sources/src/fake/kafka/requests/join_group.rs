//! JoinGroup: versions 0 to 5. Answered when all members have joined, or the time for it is over; from version 4 on a new
//! member without an instance has to ask again with the id that it is given. Departs from a real broker so: nobody waits
//! for more members of a group that is new (`group.initial.rebalance.delay.ms` is 0); there is no largest group; an instance
//! that joins while partitions are shared out begins a rebalance in every profile.

use std::time::Duration;

use super::{Context, Handler, Outcome, membership};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::cluster::State;
use crate::fake::kafka::groups::{Joined, Joining, Promise};
use crate::fake::kafka::seen::Named;
use crate::kafka::wire::messages::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};

/// The shortest session (`group.min.session.timeout.ms`), in milliseconds.
const SESSION_MS_MIN: i32 = 6_000;

pub(super) struct JoinGroup;

impl Handler for JoinGroup {
    const VERSIONS: (i16, i16) = (0, 5);
    type Request<'a> = JoinGroupRequest<'a>;

    fn names(request: &JoinGroupRequest<'_>) -> Vec<Named> {
        vec![Named::topic(&request.group_id)]
    }

    fn answer(context: &Context<'_>, request: JoinGroupRequest<'_>) -> Outcome {
        let promise = context.shared().change_groups(|state, now| {
            let refused = |code| Promise::kept(Joined::refused(&request.member_id, code));
            if let Err(code) = check(context, state, &request) {
                return refused(code);
            }
            let group = &request.group_id;
            if !request.member_id.is_empty() && !state.groups.contains_key(group) {
                return refused(ErrorCode::UNKNOWN_MEMBER_ID);
            }
            let group = state.groups.entry(group.clone()).or_default();
            group.join(joining(context, &request), now)
        });
        let elsewhere = Joined::refused(&request.member_id, ErrorCode::NOT_COORDINATOR);
        match membership::wait(context, &request.group_id, &promise, &elsewhere) {
            Some(joined) => reply(context, &joined),
            None => Outcome::Nothing,
        }
    }
}

fn check(context: &Context<'_>, state: &State, request: &JoinGroupRequest<'_>) -> Result<(), ErrorCode> {
    membership::check(context, state, &request.group_id)?;
    if request.group_id.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    let longest = state.profile_of(context.broker()).session_ms_max();
    if (SESSION_MS_MIN..=longest).contains(&request.session_timeout_ms) {
        Ok(())
    } else {
        Err(ErrorCode::INVALID_SESSION_TIMEOUT)
    }
}

fn joining(context: &Context<'_>, request: &JoinGroupRequest<'_>) -> Joining {
    // What has no end in a version ends with the session.
    let rebalance_ms = match request.rebalance_timeout_ms {
        -1 => request.session_timeout_ms,
        ms => ms.max(1),
    };
    let protocols = request.protocols.iter();
    Joining {
        who: membership::identity(request.member_id.clone(), request.group_instance_id.clone()),
        client: context.header.client_id.clone().unwrap_or_default(),
        session: milliseconds(request.session_timeout_ms),
        rebalance: milliseconds(rebalance_ms),
        protocol_type: request.protocol_type.clone(),
        protocols: protocols.map(|one| (one.name.clone(), one.metadata.to_vec())).collect(),
        needs_id: context.version >= 4,
    }
}

fn milliseconds(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

fn reply(context: &Context<'_>, joined: &Joined) -> Outcome {
    let members = joined.members.iter().map(|(member, instance, metadata)| JoinGroupResponseMember {
        member_id: member.clone(),
        group_instance_id: instance.clone(),
        metadata,
    });
    context.reply(&JoinGroupResponse {
        throttle_time_ms: context.shared().state.lock().throttle_time_ms,
        error_code: joined.error_code,
        generation_id: joined.generation,
        protocol_name: joined.protocol.clone(),
        leader: joined.leader.clone(),
        member_id: joined.member.clone(),
        members: members.collect(),
    })
}
