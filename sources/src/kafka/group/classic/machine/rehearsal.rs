//! The machine on its own: a harness that performs its actions and checks what must hold after each event, whatever happens.
//! For tests and for fuzzing.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::kafka::client::transport::Committed;
use crate::kafka::group::assignor::encode_share;
use crate::kafka::group::membership::Offsets;
use crate::kafka::{ErrorCode, KafkaError};

/// How many kinds of [`happen`]ings there are.
pub(super) const KINDS: u8 = 18;
pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn config() -> MachineConfig {
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

pub(super) fn offset(partition: i32, at: i64) -> (TopicPartition, Committed) {
    (TopicPartition::new("t", partition), Committed::at(at))
}

/// Performs actions as a driver and a listener would, and checks what they are told.
pub(super) struct Harness {
    pub(super) machine: Machine,
    pub(super) now: Mono,
    pub(super) log: Vec<Action>,
    /// Requests without an answer.
    pub(super) open: Vec<Action>,
    /// What the listener has.
    pub(super) held: BTreeSet<TopicPartition>,
    /// What it says is done when it is asked.
    pub(super) done: Offsets,
    pub(super) progress: bool,
    /// It lets the member wait for what is done of partitions that are to be given up.
    pub(super) is_slow: bool,
    /// What it is waited for with: all partitions, or these.
    pub(super) waiting: VecDeque<Option<Vec<TopicPartition>>>,
    /// What it was told to give up and has not got since.
    pub(super) revoked: BTreeSet<TopicPartition>,
    /// Answers that it has given late.
    pub(super) late: VecDeque<Event>,
    /// Offsets that were given and not told of: the last of each partition.
    pub(super) owed: BTreeMap<TopicPartition, i64>,
    pub(super) ended: bool,
}

impl Harness {
    pub(super) fn new(config: MachineConfig) -> Self {
        Self {
            machine: Machine::new(config),
            now: Mono::default() + SECOND,
            log: Vec::new(),
            open: Vec::new(),
            held: BTreeSet::new(),
            done: Offsets::new(),
            progress: true,
            is_slow: false,
            waiting: VecDeque::new(),
            revoked: BTreeSet::new(),
            late: VecDeque::new(),
            owed: BTreeMap::new(),
            ended: false,
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front().or_else(|| self.late.pop_front()) {
            if let Event::Commit(offsets) | Event::Done(offsets) | Event::TooLate(offsets) = &event {
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
        self.machine.assert_invariants(self.now, self.waiting.len());
        assert!(self.ended || self.machine.held == self.held, "the listener has what the machine says");
    }

    pub(super) fn perform(&mut self, action: Action) -> Option<Event> {
        match &action {
            Action::AskDone { pause } => {
                let done = Event::Done(std::mem::take(&mut self.done));
                if *pause {
                    self.end_waiting(|_| true);
                }
                return Some(done);
            }
            Action::Yield => return self.give_up(None),
            Action::Revoke(partitions) => {
                assert!(partitions.iter().all(|partition| self.held.remove(partition)), "{:?}", self.log);
                self.revoked.extend(partitions.iter().cloned());
                return self.give_up(Some(partitions.clone()));
            }
            Action::AskProgress => return Some(Event::Progress(self.progress)),
            Action::Assigned(partitions) => {
                self.end_waiting(|waiting| waiting.is_none());
                partitions.iter().for_each(|name| _ = self.revoked.remove(name));
                assert!(partitions.iter().all(|name| self.held.insert(name.clone())), "{:?}", self.log);
            }
            Action::HandedOver(partitions) | Action::Lost(partitions) => {
                let has = |name| self.held.remove(name) || self.revoked.remove(name);
                assert!(partitions.iter().all(has), "{:?}", self.log);
                self.done.retain(|(name, _)| !partitions.contains(name));
                let is_lost = |names: &Vec<_>| names.iter().all(|name| partitions.contains(name));
                self.end_waiting(|waiting| waiting.as_ref().is_some_and(is_lost));
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

    fn give_up(&mut self, partitions: Option<Vec<TopicPartition>>) -> Option<Event> {
        if self.is_slow {
            self.waiting.push_back(partitions);
            return Some(Event::Later);
        }
        Some(self.done_of(partitions.as_deref()))
    }

    fn done_of(&mut self, partitions: Option<&[TopicPartition]>) -> Event {
        let is_meant = |name: &TopicPartition| partitions.is_none_or(|only| only.contains(name));
        let (given, kept) = self.done.drain(..).partition(|(name, _)| is_meant(name));
        self.done = kept;
        Event::Done(given)
    }

    /// Says what is done, after all else, of what it was waited for with.
    fn end_waiting(&mut self, ends: impl Fn(&Option<Vec<TopicPartition>>) -> bool) {
        let (ended, kept): (VecDeque<_>, _) = self.waiting.drain(..).partition(ends);
        self.waiting = kept;
        for partitions in ended {
            let done = self.done_of(partitions.as_deref());
            self.late.push_back(done);
        }
    }

    /// What it was waited for is done.
    pub(super) fn answer_late(&mut self) {
        if let Some(partitions) = self.waiting.pop_front() {
            let done = self.done_of(partitions.as_deref());
            self.event(done);
        }
    }

    pub(super) fn advance(&mut self, time: Duration) {
        self.now = self.now + time;
        self.event(Event::Wake);
    }

    /// Takes the open request of which `is_it` holds.
    pub(super) fn take(&mut self, is_it: impl Fn(&Action) -> bool) -> Option<Action> {
        let at = self.open.iter().position(is_it)?;
        Some(self.open.remove(at))
    }

    /// Answers the topics, the coordinator, and a join as a group of one; the share has so many partitions.
    pub(super) fn settle(&mut self, partitions: i32) {
        self.settle_with("range", (0..partitions).collect());
    }

    pub(super) fn settle_with(&mut self, protocol: &str, share: Vec<i32>) {
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

    pub(super) fn joined(&self, protocol: &str) -> Joined {
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

    pub(super) fn answer_commit(&mut self, code: ErrorCode) {
        let commit = self.take(|action| matches!(action, Action::Commit { .. }));
        let Some(Action::Commit { offsets, .. }) = commit else { panic!("no commit: {:?}", self.open) };
        let codes = offsets.into_iter().map(|(name, _)| (name, code)).collect();
        self.event(Event::Committed(Ok(CommitAnswer { server: "b:1".into(), codes })));
    }

    pub(super) fn is_open(&self, is_it: impl Fn(&Action) -> bool) -> bool {
        self.open.iter().any(is_it)
    }
}

pub(super) fn share_of(share: &[i32]) -> Vec<u8> {
    let names: Vec<_> = share.iter().map(|number| TopicPartition::new("t", *number)).collect();
    encode_share(&names).expect("names of partitions can be written")
}

pub(super) fn refused(code: ErrorCode) -> Trouble {
    Trouble::Refused { server: "b:1".into(), code, member: String::new() }
}

pub(super) fn closed() -> Trouble {
    Trouble::Unanswered(KafkaError::Closed { broker: "b:1".into(), request: "Heartbeat" })
}

pub(super) fn is_commit(action: &Action) -> bool {
    matches!(action, Action::Commit { .. })
}

/// Lets these happen to a member, checks what must hold after each, and then that all is told once all goes well.
pub(super) fn rehearse(events: impl IntoIterator<Item = (u8, u32)>) {
    let mut h = Harness::new(config());
    h.event(Event::Start);
    for (kind, value) in events {
        happen(&mut h, kind % KINDS, value);
    }
    let left_to_tell: BTreeSet<_> = h.owed.keys().cloned().collect();
    let kept: BTreeSet<_> = h.machine.commits.kept().cloned().collect();
    assert!(h.ended || left_to_tell.is_subset(&kept), "{left_to_tell:?} of {kept:?}");

    // From now on all goes well: it becomes stable, and all is told.
    (h.progress, h.is_slow) = (true, false);
    while !h.waiting.is_empty() {
        h.answer_late();
    }
    h.done.clear();
    let mut rounds = 0;
    while !(h.ended || matches!(h.machine.phase, Phase::Stable) && h.owed.is_empty()) {
        rounds += 1;
        assert!(rounds < 500, "{:?} {:?} {:?}", h.machine.phase, h.owed, h.open);
        if h.is_open(|action| matches!(action, Action::Leave { .. })) {
            h.take(|action| matches!(action, Action::Leave { .. }));
            h.event(Event::Left);
        } else if h.is_open(is_commit) {
            h.answer_commit(ErrorCode::NONE);
        } else if h.open.is_empty() {
            let until = h.machine.next_deadline(h.now).map_or(SECOND, |next| next - h.now);
            h.advance(until);
        } else {
            h.settle(4);
        }
    }
}

/// Lets happen to a member of a group that a broker coordinates what `data` says, and checks what must hold: an event is its
/// kind and two bytes.
#[cfg(feature = "fake")]
#[doc(hidden)]
pub fn rehearse_membership(data: &[u8]) {
    rehearse(
        data.chunks_exact(3).map(|event| (event[0], u32::from(u16::from_be_bytes([event[1], event[2]])))),
    );
}

/// Answers and events that may come at any time, by a number.
fn happen(h: &mut Harness, kind: u8, value: u32) {
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
        16 => h.is_slow = !h.is_slow,
        17 => h.answer_late(),
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
