//! The machine on its own: scenarios, and random event sequences with its invariants checked after each event.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::event::CommitResult;
use super::*;
use crate::kafka::client::transport::Committed;
use crate::kafka::group::GroupError;
use crate::kafka::group::assignor::encode_share;
use crate::kafka::group::membership::Offsets;
use crate::kafka::{ErrorCode, KafkaError};

const SECOND: Duration = Duration::from_secs(1);

fn config() -> MachineConfig {
    MachineConfig {
        group: "g".into(),
        client_id: "client".into(),
        params: GroupParams::default(),
        subscription: Subscription::names(["t"]),
        refresh: Duration::from_secs(60),
        patience: Duration::from_secs(30),
        backoff: BackoffRange { first: Duration::from_millis(100), longest: SECOND },
        seed: 1,
    }
}

fn offset(partition: i32, at: i64) -> (TopicPartition, Committed) {
    let committed = Committed { offset: at, leader_epoch: None, metadata: String::new() };
    (TopicPartition::new("t", partition), committed)
}

/// Performs actions as a driver and a listener would, and checks what they are told.
struct Harness {
    machine: Machine,
    now: Mono,
    log: Vec<Action>,
    /// Requests without an answer.
    open: Vec<Action>,
    /// What the listener has.
    held: BTreeSet<TopicPartition>,
    /// What it says is done when it is asked.
    done: Offsets,
    progress: bool,
    /// Offsets that were given and not told of: the last of each partition.
    owed: BTreeMap<TopicPartition, i64>,
    ended: bool,
}

impl Harness {
    fn new(config: MachineConfig) -> Self {
        Self {
            machine: Machine::new(config),
            now: Mono::default() + SECOND,
            log: Vec::new(),
            open: Vec::new(),
            held: BTreeSet::new(),
            done: Offsets::new(),
            progress: true,
            owed: BTreeMap::new(),
            ended: false,
        }
    }

    fn event(&mut self, event: Event) {
        let mut events = std::collections::VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            if let Event::Commit(offsets) | Event::Done(offsets) = &event {
                if !self.ended {
                    self.owed.extend(offsets.iter().map(|(name, at)| (name.clone(), at.offset)));
                }
            }
            let mut actions = Vec::new();
            self.machine.handle(self.now, event, &mut actions);
            for action in actions {
                assert!(!self.ended, "{action:?} after the end");
                self.log.push(action.clone());
                events.extend(self.perform(action));
            }
        }
        self.machine.assert_invariants(self.now);
        assert!(self.ended || self.machine.held == self.held, "the listener has what the machine says");
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        match &action {
            Action::AskDone { .. } => return Some(Event::Done(std::mem::take(&mut self.done))),
            Action::Revoke(partitions) => {
                assert!(partitions.iter().all(|partition| self.held.remove(partition)), "{:?}", self.log);
                let (given, kept) = self.done.drain(..).partition(|(name, _)| partitions.contains(name));
                self.done = kept;
                return Some(Event::Done(given));
            }
            Action::AskProgress => return Some(Event::Progress(self.progress)),
            Action::Assigned(partitions) => {
                assert!(partitions.iter().all(|name| self.held.insert(name.clone())), "{:?}", self.log);
            }
            Action::Lost(partitions) => {
                assert!(partitions.iter().all(|name| self.held.remove(name)), "{:?}", self.log);
            }
            Action::Committed(offsets, _) => {
                for (name, at) in offsets {
                    if self.owed.get(name) == Some(&at.offset) {
                        self.owed.remove(name);
                    }
                }
            }
            Action::End => self.ended = true,
            Action::Failed(_) | Action::Tell(..) => {}
            request => self.open.push(request.clone()),
        }
        None
    }

    fn advance(&mut self, time: Duration) {
        self.now = self.now + time;
        self.event(Event::Wake);
    }

    /// Takes the open request of which `is_it` holds.
    fn take(&mut self, is_it: impl Fn(&Action) -> bool) -> Option<Action> {
        let at = self.open.iter().position(is_it)?;
        Some(self.open.remove(at))
    }

    /// Answers the topics, the coordinator, and a join as a group of one; the share has so many partitions.
    fn settle(&mut self, partitions: i32) {
        self.settle_with("range", (0..partitions).collect());
    }

    fn settle_with(&mut self, protocol: &str, share: Vec<i32>) {
        loop {
            let Some(request) =
                self.take(|action| !matches!(action, Action::Commit { .. } | Action::Leave { .. }))
            else {
                break;
            };
            let event = match request {
                Action::LookUp(_) => Event::LookedUp(Ok(vec![("t".into(), Seen::Partitions(4))])),
                Action::FindCoordinator => Event::Found(Ok(())),
                Action::Join { .. } => Event::Joined(Ok(self.joined(protocol))),
                Action::Sync { .. } => Event::Synced(Ok(share_of(&share))),
                Action::Heartbeat { .. } => Event::Heartbeat(Ok(())),
                other => panic!("{other:?}"),
            };
            self.event(event);
        }
    }

    fn joined(&self, protocol: &str) -> Joined {
        Joined {
            server: "b:1".into(),
            member: "m".to_owned(),
            generation: self.machine.me.generation.max(0) + 1,
            protocol: protocol.to_owned(),
            leader: "other".to_owned(),
            members: Vec::new(),
            keeps_name: false,
            session: Duration::from_secs(45),
        }
    }

    fn beat(&mut self, answer: Result<(), Trouble>) {
        let interval = self.machine.heartbeat_interval();
        self.advance(interval);
        self.take(|action| matches!(action, Action::Heartbeat { .. })).expect("a heartbeat is due");
        self.event(Event::Heartbeat(answer));
    }

    fn answer_commit(&mut self, code: ErrorCode) {
        let commit = self.take(|action| matches!(action, Action::Commit { .. }));
        let Some(Action::Commit { offsets, .. }) = commit else { panic!("no commit: {:?}", self.open) };
        let codes = offsets.into_iter().map(|(name, _)| (name, code)).collect();
        self.event(Event::Committed(Ok(CommitAnswer { server: "b:1".into(), codes })));
    }

    fn is_open(&self, is_it: impl Fn(&Action) -> bool) -> bool {
        self.open.iter().any(is_it)
    }

    /// What became of an offset.
    fn told(&self, partition: i32, at: i64) -> Option<Result<(), KafkaError>> {
        self.log.iter().rev().find_map(|action| match action {
            Action::Committed(offsets, CommitResult(result)) if offsets.contains(&offset(partition, at)) => {
                Some(result.clone())
            }
            _ => None,
        })
    }
}

fn share_of(share: &[i32]) -> Vec<u8> {
    let names: Vec<_> = share.iter().map(|number| TopicPartition::new("t", *number)).collect();
    encode_share(&names).unwrap()
}

fn refused(code: ErrorCode) -> Trouble {
    Trouble::Refused { server: "b:1".into(), code, member: String::new() }
}

fn closed() -> Trouble {
    Trouble::Unanswered(KafkaError::Closed { broker: "b:1".into(), request: "Heartbeat" })
}

fn is_join(action: &Action) -> bool {
    matches!(action, Action::Join { .. })
}

fn is_commit(action: &Action) -> bool {
    matches!(action, Action::Commit { .. })
}

/// A member with partitions 0 and 1.
fn member() -> Harness {
    let mut h = Harness::new(config());
    h.event(Event::Start);
    h.settle(2);
    assert_eq!(h.held.len(), 2);
    h
}

#[test]
fn a_member_joins_with_the_id_that_it_is_given() {
    let mut h = Harness::new(config());
    h.event(Event::Start);
    h.take(|action| *action == Action::FindCoordinator).unwrap();
    h.event(Event::Found(Ok(())));
    assert!(matches!(h.take(is_join), Some(Action::Join { member, .. }) if member.is_empty()));
    let trouble = Trouble::Refused {
        server: "b:1".into(),
        code: ErrorCode::MEMBER_ID_REQUIRED,
        member: "m-1".to_owned(),
    };
    h.event(Event::Joined(Err(trouble)));
    assert!(matches!(h.take(is_join), Some(Action::Join { member, .. }) if member == "m-1"));
}

#[test]
fn what_is_done_is_committed_before_the_join_and_the_join_waits_for_that() {
    let mut h = member();
    h.done = vec![offset(0, 5)];
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    assert!(h.is_open(is_commit) && !h.is_open(is_join));
    h.answer_commit(ErrorCode::NONE);
    assert!(h.is_open(is_join));
    assert_eq!(h.told(0, 5).map(|told| told.is_ok()), Some(true));
    h.settle(2);
    assert!(!h.log.iter().any(|action| matches!(action, Action::Lost(_) | Action::Revoke(_))));
}

#[test]
fn a_commit_that_comes_to_nothing_does_not_hold_up_a_join_for_ever() {
    let mut h = member();
    h.done = vec![offset(0, 5)];
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.advance(Duration::from_secs(29));
    assert!(h.take(|action| matches!(action, Action::Heartbeat { .. })).is_some() && !h.is_open(is_join));
    h.event(Event::Heartbeat(Ok(())));
    h.advance(SECOND);
    assert!(h.is_open(is_join));
}

#[test]
fn what_waited_for_a_join_to_be_tried_again_goes_out_with_it() {
    let mut h = member();
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.take(is_join).unwrap();
    h.event(Event::Joined(Err(closed())));
    h.event(Event::Commit(vec![offset(0, 5)]));
    assert!(!h.is_open(is_commit), "the generation may have ended");
    h.advance(SECOND);
    h.take(|action| *action == Action::FindCoordinator).unwrap();
    h.event(Event::Found(Ok(())));
    assert!(h.is_open(is_join) && h.is_open(is_commit));
}

#[test]
fn a_commit_under_the_old_generation_goes_again_under_the_new_one() {
    let mut h = member();
    h.event(Event::Commit(vec![offset(0, 5), offset(1, 6)]));
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.advance(Duration::from_secs(31));
    h.settle_with("range", vec![0]);
    h.answer_commit(ErrorCode::ILLEGAL_GENERATION);
    let fenced = h.told(1, 6).unwrap();
    assert!(matches!(fenced, Err(KafkaError::Group { cause: GroupError::Fenced, .. })));
    h.advance(SECOND);
    h.answer_commit(ErrorCode::NONE);
    assert!(h.told(0, 5).unwrap().is_ok());
}

#[test]
fn what_others_may_have_had_in_a_generation_that_was_missed_is_lost_and_assigned_anew() {
    let mut h = member();
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.take(is_join).expect("it joins");
    h.event(Event::Joined(Ok(h.joined("range"))));
    h.take(|action| matches!(action, Action::Sync { .. })).expect("it asks for its share");
    // The group has shared out, but a further member came before this one was told.
    h.event(Event::Synced(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS))));
    h.log.clear();
    h.settle_with("range", vec![0, 1]);
    let names: Vec<_> = [0, 1].map(|number| TopicPartition::new("t", number)).into();
    let at = |action: Action| h.log.iter().position(|done| *done == action).expect("it is told");
    assert!(at(Action::Lost(names.clone())) < at(Action::Assigned(names)));
}

#[test]
fn a_cooperative_member_gives_up_commits_and_joins_again_without() {
    let mut h = Harness::new(config());
    h.event(Event::Start);
    h.settle_with("cooperative-sticky", vec![0, 1]);
    h.done = vec![offset(1, 9)];
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    h.answer_commit(ErrorCode::NONE);
    h.done = vec![offset(0, 3), offset(1, 10)];
    h.settle_with("cooperative-sticky", vec![0, 2]);
    let calls: Vec<_> =
        h.log.iter().filter(|action| matches!(action, Action::Revoke(_) | Action::Assigned(_))).collect();
    let names = |numbers: &[i32]| numbers.iter().map(|n| TopicPartition::new("t", *n)).collect::<Vec<_>>();
    assert_eq!(calls[1..], [&Action::Revoke(names(&[1])), &Action::Assigned(names(&[2]))]);
    assert!(h.is_open(is_commit) && !h.is_open(is_join));
    h.answer_commit(ErrorCode::NONE);
    assert_eq!([h.told(0, 3), h.told(1, 10)].map(|told| told.unwrap().is_ok()), [true; 2]);
    assert!(h.is_open(is_join));
}

#[test]
fn a_member_whose_coordinator_is_silent_for_a_session_loses_all() {
    let mut h = member();
    h.event(Event::Commit(vec![offset(0, 1)]));
    let mut passed = Duration::ZERO;
    while !h.held.is_empty() {
        h.advance(SECOND);
        passed += SECOND;
        if h.take(|action| matches!(action, Action::Heartbeat { .. })).is_some() {
            h.event(Event::Heartbeat(Err(closed())));
        }
        if h.take(|action| *action == Action::FindCoordinator).is_some() {
            h.event(Event::Found(Err(closed())));
        }
        if h.take(is_commit).is_some() {
            h.event(Event::Committed(Err(closed())));
        }
    }
    assert!((44..=47).contains(&passed.as_secs()), "{passed:?}");
    assert!(h.told(0, 1).unwrap().is_err());
}

#[test]
fn a_coordinator_that_moves_costs_nothing() {
    let mut h = member();
    h.beat(Err(refused(ErrorCode::NOT_COORDINATOR)));
    h.advance(SECOND);
    h.take(|action| *action == Action::FindCoordinator).unwrap();
    h.event(Event::Found(Ok(())));
    h.advance(SECOND);
    assert!(h.is_open(|action| matches!(action, Action::Heartbeat { .. })));
    assert_eq!(h.held.len(), 2);
}

#[test]
fn a_member_leaves_after_its_last_commit_also_while_it_joins() {
    let mut h = member();
    h.beat(Err(refused(ErrorCode::REBALANCE_IN_PROGRESS)));
    assert!(h.is_open(is_join));
    h.done = vec![offset(1, 4)];
    h.event(Event::Leave);
    h.answer_commit(ErrorCode::NONE);
    assert!(h.is_open(|action| *action == Action::Leave { member: "m".to_owned() }));
    h.event(Event::Left);
    assert!(h.ended);
}

#[test]
fn a_member_that_is_stopped_before_it_knows_anybody_ends_in_time() {
    let mut h = Harness::new(config());
    h.event(Event::Start);
    h.event(Event::Leave);
    assert!(h.ended);
}

/// Answers and events that may come at any time, by a number.
fn random_event(h: &mut Harness, kind: u8, value: u32) {
    let codes = [
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::UNKNOWN_MEMBER_ID,
        ErrorCode::ILLEGAL_GENERATION,
        ErrorCode::REBALANCE_IN_PROGRESS,
        ErrorCode::MEMBER_ID_REQUIRED,
        ErrorCode::REQUEST_TIMED_OUT,
    ];
    let number = (value % 4) as i32;
    match kind {
        0 => h.advance(Duration::from_millis(u64::from(value % 3_000))),
        1 => h.advance(Duration::from_secs(u64::from(value % 60))),
        2 => h.event(Event::Commit(vec![offset(number, i64::from(value))])),
        3 => {
            h.done.retain(|(name, _)| name.partition != number);
            h.done.push(offset(number, i64::from(value)));
        }
        4 => h.progress = !h.progress,
        5 if value % 16 == 0 => h.event(Event::Leave),
        _ if h.open.is_empty() => h.advance(Duration::from_millis(u64::from(value % 500))),
        _ => {
            let request = h.open.remove(value as usize % h.open.len());
            let trouble = || match value / 7 % 9 {
                at @ 0..=6 => refused(codes[at as usize]),
                _ => closed(),
            };
            let is_well = kind < 12;
            let event = match request {
                Action::LookUp(_) if is_well => {
                    let count = Seen::Partitions(1 + (value / 100 % 4) as i32);
                    Event::LookedUp(Ok(vec![("t".into(), count)]))
                }
                Action::LookUp(_) => {
                    Event::LookedUp(Err(KafkaError::Closed { broker: "b".into(), request: "Metadata" }))
                }
                Action::FindCoordinator => Event::Found(is_well.then_some(()).ok_or_else(trouble)),
                Action::Join { .. } if is_well => {
                    let protocol = ["range", "cooperative-sticky"][value as usize % 2];
                    let mut joined = h.joined(protocol);
                    if value % 3 == 0 {
                        joined.leader.clone_from(&joined.member);
                        let said = [vec![0; 3], Vec::new()][value as usize % 2].clone();
                        let id = joined.member.clone();
                        joined.members = vec![JoinedMember { id, instance: None, said }];
                    }
                    Event::Joined(Ok(joined))
                }
                Action::Join { .. } => Event::Joined(Err(trouble())),
                Action::Sync { .. } if is_well => {
                    let share: Vec<i32> = (0..4).filter(|bit| value >> (8 + bit) & 1 == 1).collect();
                    Event::Synced(Ok(share_of(&share)))
                }
                Action::Sync { .. } => Event::Synced(Err(trouble())),
                Action::Heartbeat { .. } => Event::Heartbeat(is_well.then_some(()).ok_or_else(trouble)),
                Action::Commit { offsets, .. } => {
                    let code = |at: usize| match is_well {
                        true => ErrorCode::NONE,
                        false => codes[(value as usize + at) % codes.len()],
                    };
                    let coded = offsets.into_iter().enumerate().map(|(at, (name, _))| (name, code(at)));
                    Event::Committed(match value % 5 {
                        0 if !is_well => Err(closed()),
                        _ => Ok(CommitAnswer { server: "b:1".into(), codes: coded.collect() }),
                    })
                }
                Action::Leave { .. } => Event::Left,
                other => unreachable!("{other:?} needs no answer"),
            };
            h.event(event);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_comes_the_invariants_hold_and_all_offsets_are_told_of(
        events in prop::collection::vec((0..16u8, any::<u32>()), 0..200),
    ) {
        let mut h = Harness::new(config());
        h.event(Event::Start);
        for (kind, value) in events {
            random_event(&mut h, kind, value);
        }
        let left_to_tell: BTreeSet<_> = h.owed.keys().cloned().collect();
        let kept: BTreeSet<_> = h.machine.commits.kept().cloned().collect();
        prop_assert!(h.ended || left_to_tell.is_subset(&kept), "{left_to_tell:?} of {kept:?}");

        // From now on all goes well: it becomes stable, and all is told.
        h.progress = true;
        h.done.clear();
        let mut rounds = 0;
        while !(h.ended || matches!(h.machine.phase, Phase::Stable) && h.owed.is_empty()) {
            rounds += 1;
            prop_assert!(rounds < 500, "{:?} {:?} {:?}", h.machine.phase, h.owed, h.open);
            if h.is_open(|action| matches!(action, Action::Leave { .. })) {
                h.take(|action| matches!(action, Action::Leave { .. }));
                h.event(Event::Left);
            } else if h.is_open(is_commit) {
                h.answer_commit(ErrorCode::NONE);
            } else if h.open.is_empty() {
                let until = h.machine.next_deadline().map_or(SECOND, |next| next - h.now);
                h.advance(until);
            } else {
                h.settle(4);
            }
        }
    }
}
