//! The machine on its own: a ZooKeeper, a listener and a driver in one, as values, which check what must hold after each
//! event, whatever happens. For tests and for fuzzing.

use std::collections::VecDeque;

use super::*;
use crate::kafka::TopicPartition;
use crate::kafka::group::Offsets;
use crate::kafka::zookeeper::hands::Owner;
use crate::kafka::zookeeper::nodes::Registration;
use crate::kafka::zookeeper::offsets::Written;
use crate::kafka::zookeeper::share::Roster;
use crate::zookeeper::ZooKeeperError;

const MEMBER: &str = "readers_b";

/// What happens from outside, and how what is asked for goes.
#[derive(Clone, Debug)]
pub(in crate::kafka::zookeeper) enum Step {
    /// So many milliseconds pass.
    Pass(u16),
    Changed,
    Expired,
    /// Another member comes or goes.
    Other(bool),
    Grow(i32),
    /// Somebody else owns a partition, or nobody does.
    Take(i32, bool),
    Commit(i32),
    Done(i32),
    Progress(bool),
    /// The listener lets the member wait for what is done of partitions that are to be given up, or does not.
    Slow(bool),
    /// What it was waited for is done.
    Answer,
    /// The next requests fail so.
    Trouble(Option<Trouble>),
    Leave,
    Abandon,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::kafka::zookeeper) enum Trouble {
    Passing,
    Session,
    Final,
}

/// Lets these happen to a member, checks what must hold after each, and then that it has its share and owes no word once all is
/// well.
pub(in crate::kafka::zookeeper) fn rehearse(steps: impl IntoIterator<Item = Step>) {
    let mut world = World::new();
    world.event(Event::Start);
    for step in steps {
        world.log.push(format!("{step:?}"));
        world.step(step);
    }
    (world.trouble, world.progress, world.other, world.partitions) = (None, true, false, 5);
    world.owners.retain(|_, mine| *mine);
    world.step(Step::Slow(false));
    while !world.waiting.is_empty() {
        world.step(Step::Answer);
    }
    world.step(Step::Changed);
    world.step(Step::Pass(10_000));
    world.step(Step::Pass(10_000));
    if world.ended {
        return;
    }
    assert_eq!(world.held, (0..5).collect::<BTreeSet<_>>(), "{:#?}", world.log);
    assert_eq!(world.owed, BTreeMap::new(), "{:#?}", world.log);
    world.step(Step::Leave);
    assert!(world.ended, "{:#?}", world.log);
}

/// Lets happen to a member of a group that ZooKeeper coordinates what `data` says, and checks what must hold: a step is its
/// kind and two bytes.
#[cfg(feature = "fake")]
#[doc(hidden)]
pub fn rehearse_membership(data: &[u8]) {
    rehearse(data.chunks_exact(3).map(|step| Step::read(step[0], u16::from_be_bytes([step[1], step[2]]))));
}

#[cfg(feature = "fake")]
impl Step {
    /// A step by its number, the last ones more seldom.
    fn read(kind: u8, value: u16) -> Self {
        let (partition, is_so) = (i32::from(value % 6), value >= 0x8000);
        match kind % 32 {
            0..=7 => Self::Pass(value % 3_000),
            8..=11 => Self::Changed,
            12 => Self::Expired,
            13 | 14 => Self::Other(is_so),
            15 => Self::Grow(partition),
            16 | 17 => Self::Take(partition, is_so),
            18..=21 => Self::Commit(partition),
            22..=25 => Self::Done(partition),
            26 => Self::Progress(is_so),
            27 if is_so => Self::Slow(value % 2 == 0),
            27 => Self::Trouble(None),
            30 => Self::Answer,
            28 => Self::Trouble(Some(Trouble::Passing)),
            29 => Self::Trouble(Some(Trouble::Session)),
            // What ends a membership, or may.
            _ => match value % 256 {
                0 => Self::Leave,
                1 => Self::Abandon,
                2 => Self::Trouble(Some(Trouble::Final)),
                _ => Self::Changed,
            },
        }
    }
}

/// A ZooKeeper, a listener and a driver in one, as values.
struct World {
    machine: Machine,
    now: Mono,
    session: u64,
    has_session: bool,
    other: bool,
    partitions: i32,
    /// Whom the nodes of owners name: this member, or somebody else.
    owners: BTreeMap<i32, bool>,
    stored: BTreeMap<i32, i64>,
    held: BTreeSet<i32>,
    done: BTreeMap<i32, i64>,
    next: i64,
    progress: bool,
    is_slow: bool,
    /// What the listener is waited for with.
    waiting: VecDeque<Vec<i32>>,
    /// What it was told to give up and has not got since.
    revoked: BTreeSet<i32>,
    /// What it has said late.
    late: VecDeque<Event>,
    trouble: Option<Trouble>,
    /// Offsets without a word of what became of them: the last of each partition.
    owed: BTreeMap<i32, i64>,
    ended: bool,
    failed: bool,
    log: Vec<String>,
}

impl World {
    fn new() -> Self {
        let config = MachineConfig {
            member: MEMBER.into(),
            session: Duration::from_secs(6),
            progress_every: Duration::from_secs(1),
            backoff: BackoffRange { first: Duration::from_millis(100), longest: Duration::from_secs(1) },
            seed: 1,
        };
        Self {
            machine: Machine::new(config),
            now: Mono::default() + Duration::from_secs(1),
            session: 0,
            has_session: false,
            other: false,
            partitions: 4,
            owners: BTreeMap::new(),
            stored: BTreeMap::new(),
            held: BTreeSet::new(),
            done: BTreeMap::new(),
            next: 1,
            progress: true,
            is_slow: false,
            waiting: VecDeque::new(),
            revoked: BTreeSet::new(),
            late: VecDeque::new(),
            trouble: None,
            owed: BTreeMap::new(),
            ended: false,
            failed: false,
            log: Vec::new(),
        }
    }

    fn event(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front().or_else(|| self.late.pop_front()) {
            self.log.push(format!("{event:?}"));
            let mut actions = Vec::new();
            self.machine.handle(self.now, event, &mut actions);
            let asked = actions.iter().filter(|action| is_question(action)).count();
            assert!(asked <= 1, "asks for one thing at a time: {actions:?}");
            for action in actions {
                assert!(!self.ended, "{action:?} after the end");
                self.log.push(format!("  {action:?}"));
                events.extend(self.perform(action));
            }
        }
        let named = |partition: &i32| self.owners.get(partition) == Some(&true);
        // What it does not know yet it may believe to have: then its session is gone, or its node was taken.
        if self.has_session && !self.ended {
            let wrong: Vec<_> = self.held.iter().filter(|held| !named(held)).collect();
            assert!(wrong.iter().all(|held| self.owners.contains_key(held)), "{wrong:?}: {:#?}", self.log);
        }
    }

    fn trouble(&mut self) -> Option<Failure> {
        let servers = || Arc::from("zk:2181");
        if !self.has_session {
            return Some(ZooKeeperError::SessionExpired { servers: servers() }.into());
        }
        match self.trouble? {
            Trouble::Passing => Some(ZooKeeperError::Refused { server: servers() }.into()),
            Trouble::Session => {
                self.end_session();
                Some(ZooKeeperError::SessionExpired { servers: servers() }.into())
            }
            Trouble::Final => Some(Failure::foreign("/x".to_owned(), "is foreign".to_owned())),
        }
    }

    fn end_session(&mut self) {
        self.has_session = false;
        self.owners.retain(|_, mine| !*mine);
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        Some(match action {
            Action::Begin { session } => {
                self.end_session();
                (self.session, self.has_session) = (session, true);
                let trouble = self.trouble();
                if trouble.is_some() {
                    self.end_session();
                }
                Event::Begun(trouble.map_or(Ok(()), Err), Duration::from_secs(6))
            }
            Action::View => Event::Viewed(match self.trouble() {
                Some(failure) => Err(failure),
                None => Ok(self.roster()),
            }),
            Action::Claim(claims) => {
                if let Some(failure) = self.trouble() {
                    return Some(Event::Claimed(Vec::new(), Some(failure)));
                }
                let claim = |(partition, thread): (TopicPartition, u32)| {
                    let is_mine = *self.owners.entry(partition.partition).or_insert(true);
                    let owner = if is_mine { Owner::Me } else { Owner::Other("thief-0".to_owned()) };
                    (partition, thread, owner)
                };
                Event::Claimed(claims.into_iter().map(claim).collect(), None)
            }
            Action::Release(partitions) => Event::Released(match self.trouble() {
                Some(failure) => Err(failure),
                None => {
                    for partition in partitions {
                        let number = partition.partition;
                        assert!(!self.has(number), "{number} is released and held: {:#?}", self.log);
                        let waits = self.owed.contains_key(&number);
                        assert!(!waits, "{number} is released before it is committed: {:#?}", self.log);
                        if self.owners.get(&number) == Some(&true) {
                            self.owners.remove(&number);
                        }
                    }
                    Ok(())
                }
            }),
            Action::Commit(offsets) => match self.trouble() {
                Some(failure) => Event::Committed(offsets, Vec::new(), Some(failure)),
                None => {
                    let write = |(partition, committed): &(TopicPartition, _)| {
                        let committed: &Committed = committed;
                        if self.owners.get(&partition.partition) != Some(&true) {
                            return Written::Fenced;
                        }
                        let before = self.stored.insert(partition.partition, committed.offset);
                        assert!(before <= Some(committed.offset), "{partition} goes back: {:#?}", self.log);
                        Written::Done
                    };
                    let written = offsets.iter().map(write).collect();
                    Event::Committed(offsets, written, None)
                }
            },
            Action::Close => {
                self.end_session();
                Event::Closed
            }
            Action::AskDone => {
                let done = std::mem::take(&mut self.done);
                self.given(done.into_iter().filter(|(number, _)| self.has(*number)).collect())
            }
            Action::Revoke(partitions) => {
                let numbers: Vec<_> = partitions.iter().map(|partition| partition.partition).collect();
                assert!(numbers.iter().all(|held| self.held.remove(held)), "{numbers:?}: {:#?}", self.log);
                self.revoked.extend(&numbers);
                if self.is_slow {
                    self.waiting.push_back(numbers);
                    return Some(Event::Later);
                }
                self.give_up(&numbers)
            }
            Action::AskProgress => Event::Progress(self.progress),
            Action::Assigned(partitions) => {
                for partition in partitions {
                    let number = partition.partition;
                    assert!(!self.has(number), "{partition} is held: {:#?}", self.log);
                    self.held.insert(number);
                    self.revoked.remove(&number);
                }
                return None;
            }
            Action::Lost(partitions) => {
                let numbers: Vec<_> = partitions.iter().map(|partition| partition.partition).collect();
                let had = |number: &i32| self.held.contains(number) || self.revoked.contains(number);
                assert!(numbers.iter().all(had), "{numbers:?}: {:#?}", self.log);
                self.held.retain(|number| !numbers.contains(number));
                self.done.retain(|number, _| !numbers.contains(number));
                let is_lost = |waiting: &Vec<i32>| waiting.iter().all(|number| numbers.contains(number));
                let (lost, kept): (VecDeque<_>, _) = self.waiting.drain(..).partition(is_lost);
                self.waiting = kept;
                self.late.extend(lost.into_iter().map(|_| Event::Done(Offsets::new())));
                return None;
            }
            Action::Told { offsets, .. } => {
                for (partition, committed) in offsets {
                    if self.owed.get(&partition.partition) == Some(&committed.offset) {
                        self.owed.remove(&partition.partition);
                    }
                }
                return None;
            }
            Action::Failed(_) => {
                self.failed = true;
                return None;
            }
            Action::Tell(..) => return None,
            Action::End => {
                self.ended = true;
                return None;
            }
        })
    }

    /// Whether the listener has a partition: it is held, or being given up.
    fn has(&self, number: i32) -> bool {
        self.held.contains(&number) || self.waiting.iter().any(|waiting| waiting.contains(&number))
    }

    fn give_up(&mut self, numbers: &[i32]) -> Event {
        let done = numbers.iter().filter_map(|number| self.done.remove_entry(number)).collect();
        self.given(done)
    }

    fn given(&mut self, done: Vec<(i32, i64)>) -> Event {
        Event::Done(self.offsets(done))
    }

    fn offsets(&mut self, done: Vec<(i32, i64)>) -> Offsets {
        self.owed.extend(done.iter().copied());
        done.into_iter().map(|(partition, at)| offset(partition, at)).collect()
    }

    fn roster(&self) -> Roster {
        let topics = BTreeMap::from([("lines".into(), 1)]);
        let mut members = BTreeMap::from([(MEMBER.into(), Registration::Named(topics.clone()))]);
        if self.other {
            members.insert("readers_a".into(), Registration::Named(topics));
        }
        Roster { members, topics: BTreeMap::from([("lines".into(), (0..self.partitions).collect())]) }
    }

    fn step(&mut self, step: Step) {
        let stir = |what| Event::Stirred { session: self.session, what };
        match step {
            Step::Pass(ms) => {
                let until = self.now + Duration::from_millis(ms.into());
                // As a driver wakes: whenever the machine wants it.
                for turn in 0.. {
                    assert!(turn < 1_000, "it never rests: {:#?}", self.log);
                    match self.machine.next_deadline(self.now) {
                        Some(at) if at <= until => {
                            self.now = self.now.max(at);
                            self.event(Event::Wake);
                        }
                        _ => break,
                    }
                }
                self.now = until;
            }
            Step::Changed => self.event(stir(Stir::Changed)),
            Step::Expired => {
                let expired = stir(Stir::Expired);
                self.end_session();
                self.event(expired);
            }
            Step::Other(is_there) => self.other = is_there,
            Step::Grow(partitions) => self.partitions = partitions,
            Step::Take(partition, is_taken) => {
                if is_taken {
                    self.owners.entry(partition).or_insert(false);
                } else if self.owners.get(&partition) == Some(&false) {
                    self.owners.remove(&partition);
                }
            }
            Step::Commit(partition) => {
                self.next += 1;
                let next = self.next;
                // What the listener has given once it does not give again.
                self.done.remove(&partition);
                let offsets = self.offsets(vec![(partition, next)]);
                self.event(Event::Commit(offsets));
            }
            Step::Done(partition) => {
                self.next += 1;
                if self.held.contains(&partition) {
                    self.done.insert(partition, self.next);
                }
            }
            Step::Progress(is_made) => self.progress = is_made,
            Step::Slow(is_slow) => self.is_slow = is_slow,
            Step::Answer => {
                if let Some(numbers) = self.waiting.pop_front() {
                    let done = self.give_up(&numbers);
                    self.event(done);
                }
            }
            Step::Trouble(trouble) => self.trouble = trouble,
            Step::Leave => self.event(Event::Leave),
            Step::Abandon => self.event(Event::Abandon),
        }
    }
}

fn is_question(action: &Action) -> bool {
    !matches!(
        action,
        Action::Assigned(_)
            | Action::Lost(_)
            | Action::Told { .. }
            | Action::Failed(_)
            | Action::Tell(..)
            | Action::End
    )
}

fn offset(partition: i32, at: i64) -> (TopicPartition, Committed) {
    (TopicPartition::new("lines", partition), Committed::at(at))
}
