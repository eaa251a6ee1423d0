//! [`Faults`]: what a fake server shall do to the next requests of a kind. They are scripted by a test's thread and taken by
//! connection threads: all delays, and the first of the others.

use std::fmt::Debug;
use std::time::Duration;

/// Which requests a fault is for.
pub(super) trait Aim: Clone + Debug {
    /// A request as the fake's log keeps it.
    type Seen;

    /// Whether it is for this one.
    fn hits(&self, seen: &Self::Seen) -> bool;
}

/// What a fault does to a request or to its answer.
pub(super) trait Action: Clone + Debug {
    /// How much later the request begins, if that is all that it does.
    fn delay(&self) -> Option<Duration>;
}

/// A fault that is scripted.
#[derive(Clone, Debug)]
struct Scripted<A, X> {
    id: u64,
    aim: A,
    action: X,
    skip: u64,
    left: u64,
    fired: u64,
}

impl<A, X> Scripted<A, X> {
    fn is_for_always(&self) -> bool {
        self.left > u64::MAX / 2
    }
}

/// All faults of a fake, in the order in which they were scripted.
#[derive(Debug)]
pub(super) struct Faults<A, X> {
    scripted: Vec<Scripted<A, X>>,
    last_id: u64,
}

impl<A, X> Default for Faults<A, X> {
    fn default() -> Self {
        Self { scripted: Vec::new(), last_id: 0 }
    }
}

/// What befalls one request.
#[derive(Debug)]
pub(super) struct Befallen<A, X> {
    pub(super) delay: Duration,
    /// What else, and for which requests that was scripted.
    pub(super) fault: Option<(A, X)>,
}

impl<A: Aim, X: Action> Faults<A, X> {
    /// Takes what is due for a request.
    pub(super) fn take(&mut self, seen: &A::Seen) -> Befallen<A, X> {
        let mut befallen = Befallen { delay: Duration::ZERO, fault: None };
        for fault in self.scripted.iter_mut().filter(|fault| fault.left > 0 && fault.aim.hits(seen)) {
            let delay = fault.action.delay();
            if delay.is_none() && befallen.fault.is_some() {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            fault.left -= 1;
            fault.fired += 1;
            match delay {
                Some(delay) => befallen.delay += delay,
                None => befallen.fault = Some((fault.aim.clone(), fault.action.clone())),
            }
        }
        befallen
    }

    /// Those that have not fired as often as they should; those for always, at least once.
    pub(super) fn unfired(&self) -> Vec<String> {
        let is_unfired =
            |fault: &&Scripted<A, X>| if fault.is_for_always() { fault.fired == 0 } else { fault.left > 0 };
        let line = |fault: &Scripted<A, X>| {
            let Scripted { aim, action, fired, left, .. } = fault;
            let times = match fault.is_for_always() {
                true => "always".to_owned(),
                false => format!("{} times", fired + left),
            };
            format!("{aim:?}: {action:?}, {times}, fired {fired}")
        };
        self.scripted.iter().filter(is_unfired).map(line).collect()
    }

    pub(super) fn clear(&mut self) {
        self.scripted.clear();
    }

    /// Adds a fault that lets `skip` requests pass and then befalls so many: its id.
    pub(super) fn add(&mut self, aim: A, action: X, skip: u64, times: u64) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.scripted.push(Scripted { id, aim, action, skip, left: times, fired: 0 });
        id
    }

    /// How often a fault has fired.
    pub(super) fn fired(&self, id: u64) -> u64 {
        self.scripted.iter().find(|fault| fault.id == id).map_or(0, |fault| fault.fired)
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.scripted.retain(|fault| fault.id != id);
    }
}
