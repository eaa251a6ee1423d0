//! Consumers that share a group, as bare requests.

mod described;
mod instances;
mod members;
mod offsets;
mod timeouts;
mod verbs;

use super::*;
use crate::fake::kafka::GroupState;
use crate::kafka::wire::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, ConsumerProtocolTopic, HeartbeatRequest,
    HeartbeatResponse, JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, MemberIdentity, SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};

const GROUP: &str = "readers";

/// A consumer on a connection of its own. It asks in the versions of the newest release, or of the profile's.
struct Consumer {
    client: Client,
    join: i16,
    sync: i16,
    instance: Option<String>,
    id: String,
    generation: i32,
    protocols: Vec<&'static str>,
    session_ms: i32,
    rebalance_ms: i32,
}

/// What a consumer is told that has joined.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    error_code: ErrorCode,
    leads: bool,
    protocol: String,
    /// The ids of the members, and what they subscribe to.
    members: Vec<(String, Vec<String>)>,
}

impl Consumer {
    fn of(kafka: &FakeKafka) -> Self {
        let highest = |api| kafka.profile().versions(api).map_or(0, |versions| *versions.end());
        Self {
            client: Client::of(kafka, 1),
            join: highest(ApiKey::JOIN_GROUP),
            sync: highest(ApiKey::SYNC_GROUP),
            instance: None,
            id: String::new(),
            generation: -1,
            protocols: vec!["range"],
            session_ms: 10_000,
            rebalance_ms: 30_000,
        }
    }

    fn instance(kafka: &FakeKafka, name: &str) -> Self {
        Self { instance: Some(name.to_owned()), ..Self::of(kafka) }
    }

    fn send_join(&mut self) {
        let lines = ConsumerProtocolSubscription { topics: vec!["lines".to_owned()], ..Default::default() };
        let metadata = lines.to_bytes(1).unwrap();
        let named = |name: &&str| JoinGroupRequestProtocol { name: (*name).to_owned(), metadata: &metadata };
        let request = JoinGroupRequest {
            group_id: GROUP.to_owned(),
            session_timeout_ms: self.session_ms,
            rebalance_timeout_ms: self.rebalance_ms,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: "consumer".to_owned(),
            protocols: self.protocols.iter().map(named).collect(),
        };
        self.client.send(self.join, &request);
    }

    fn joined(&mut self) -> Told {
        let answer = self.client.answer(ApiKey::JOIN_GROUP, self.join).unwrap();
        let response: JoinGroupResponse<'_> = answer.decode();
        (self.id, self.generation) = (response.member_id.clone(), response.generation_id);
        let member = |member: &crate::kafka::wire::messages::JoinGroupResponseMember<'_>| {
            let subscription = ConsumerProtocolSubscription::from_bytes(member.metadata).unwrap();
            (member.member_id.clone(), subscription.topics)
        };
        Told {
            error_code: response.error_code,
            leads: !response.leader.is_empty() && response.leader == response.member_id,
            protocol: response.protocol_name,
            members: response.members.iter().map(member).collect(),
        }
    }

    /// Asks to join, and again with the id that it is given.
    fn begin_to_join(&mut self, kafka: &FakeKafka) {
        self.send_join();
        if self.id.is_empty() && self.join >= 4 && self.instance.is_none() {
            assert_eq!(self.joined().error_code, ErrorCode::MEMBER_ID_REQUIRED);
            self.send_join();
        }
        let is_waited_for = |kafka: &FakeKafka| kafka.group(GROUP).is_some_and(|group| group.generation > 0);
        assert!(kafka.wait_until(WAIT, is_waited_for));
    }

    /// Joins a group in which nobody else is waited for.
    fn join(&mut self, kafka: &FakeKafka) -> Told {
        self.begin_to_join(kafka);
        self.joined()
    }

    fn send_sync(&mut self, shares: &[(&str, &[i32])]) {
        let share = |(member, partitions): &(&str, &[i32])| {
            let topic = ConsumerProtocolTopic { topic: "lines".to_owned(), partitions: partitions.to_vec() };
            let share = ConsumerProtocolAssignment { assigned_partitions: vec![topic], ..Default::default() };
            ((*member).to_owned(), share.to_bytes(0).unwrap())
        };
        let shares: Vec<_> = shares.iter().map(share).collect();
        let of = |(member, share)| SyncGroupRequestAssignment { member_id: member, assignment: share };
        let request = SyncGroupRequest {
            group_id: GROUP.to_owned(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            assignments: shares.iter().map(|(member, share)| of((member.clone(), &share[..]))).collect(),
        };
        self.client.send(self.sync, &request);
    }

    fn synced(&mut self) -> Result<Vec<i32>, ErrorCode> {
        let answer = self.client.answer(ApiKey::SYNC_GROUP, self.sync).unwrap();
        let response: SyncGroupResponse<'_> = answer.decode();
        if response.error_code != ErrorCode::NONE {
            return Err(response.error_code);
        }
        let share = ConsumerProtocolAssignment::from_bytes(response.assignment).unwrap_or_default();
        Ok(share.assigned_partitions.into_iter().flat_map(|topic| topic.partitions).collect())
    }

    fn sync(&mut self, shares: &[(&str, &[i32])]) -> Result<Vec<i32>, ErrorCode> {
        self.send_sync(shares);
        self.synced()
    }

    /// Joins a group of which it is the only member, and takes both partitions.
    fn settle(&mut self, kafka: &FakeKafka) {
        let told = self.join(kafka);
        assert_eq!((told.error_code, told.leads), (ErrorCode::NONE, true));
        let id = self.id.clone();
        assert_eq!(self.sync(&[(&id, &[0, 1])]), Ok(vec![0, 1]));
    }

    fn heartbeat(&mut self) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: GROUP.to_owned(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
        };
        let version = if self.join >= 5 { 3 } else { 0 };
        self.client.ask(version, &request).decode::<HeartbeatResponse>().error_code
    }

    fn leave(&mut self) -> ErrorCode {
        let request =
            LeaveGroupRequest { group_id: GROUP.to_owned(), member_id: self.id.clone(), members: Vec::new() };
        self.client.ask(0, &request).decode::<LeaveGroupResponse>().error_code
    }

    fn commit(&mut self, offset: i64) -> ErrorCode {
        let partition = OffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
        let topic = OffsetCommitRequestTopic { name: "lines".to_owned(), partitions: vec![partition] };
        let request = OffsetCommitRequest {
            group_id: GROUP.to_owned(),
            generation_id_or_member_epoch: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            topics: vec![topic],
            ..OffsetCommitRequest::default()
        };
        let response: OffsetCommitResponse = self.client.ask(7, &request).decode();
        response.topics[0].partitions[0].error_code
    }
}

fn two_partitions() -> FakeKafka {
    FakeKafka::builder().topic("lines", 2).start().unwrap()
}

/// Waits until the group is in a state.
fn await_state(kafka: &FakeKafka, state: GroupState) {
    assert!(kafka.wait_until(WAIT, |kafka| kafka.group(GROUP).is_some_and(|group| group.state == state)));
}

/// Waits until a member waits for others.
fn await_waiting(kafka: &FakeKafka, id: &str) {
    let waits = |kafka: &FakeKafka| {
        let group = kafka.group(GROUP);
        group.as_ref().and_then(|group| group.member(id)).is_some_and(|member| member.is_waiting)
    };
    assert!(kafka.wait_until(WAIT, waits));
}

/// Two members that have a partition each; the first leads.
fn two_members(kafka: &FakeKafka) -> [Consumer; 2] {
    let mut members = [Consumer::of(kafka), Consumer::of(kafka)];
    share_in_two(kafka, &mut members);
    members
}

fn share_in_two(kafka: &FakeKafka, [first, second]: &mut [Consumer; 2]) {
    first.settle(kafka);
    second.begin_to_join(kafka);
    await_state(kafka, GroupState::PreparingRebalance);
    assert!(first.join(kafka).leads);
    assert!(!second.joined().leads);
    let (one, other) = (first.id.clone(), second.id.clone());
    assert_eq!(first.sync(&[(&one, &[0]), (&other, &[1])]), Ok(vec![0]));
    assert_eq!(second.sync(&[]), Ok(vec![1]));
}
