//! What the machine knows of topics: how many partitions they have, and when to look again. A part of the machine.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use batchmill::Mono;

use super::event::{Seen, Wanted};
use crate::kafka::client::backoff::Backoff;
use crate::kafka::group::Subscription;
use crate::kafka::group::assignor::Counts;

/// Topics, as far as they were looked up.
#[derive(Debug)]
pub(super) struct Topics {
    subscription: Subscription,
    /// Those of all members, while this one leads.
    group: BTreeSet<Arc<str>>,
    counts: Counts,
    /// What was looked up once at least.
    looked_up: BTreeSet<Arc<str>>,
    has_looked: bool,
    /// What is being looked up.
    asked: Option<Wanted>,
    /// When to look again.
    next: Mono,
    refresh: Duration,
    backoff: Backoff,
}

impl Topics {
    pub(super) fn new(subscription: Subscription, refresh: Duration, backoff: Backoff) -> Self {
        Self {
            subscription,
            group: BTreeSet::new(),
            counts: Counts::new(),
            looked_up: BTreeSet::new(),
            has_looked: false,
            asked: None,
            next: Mono::default(),
            refresh,
            backoff,
        }
    }

    /// The topics that the member subscribes to now; `None` while a pattern has not been looked up.
    pub(super) fn subscribed(&self) -> Option<BTreeSet<Arc<str>>> {
        match &self.subscription {
            Subscription::Names(names) => Some(names.clone()),
            Subscription::Pattern(_) if !self.has_looked => None,
            Subscription::Pattern(_) => {
                Some(self.counts.keys().filter(|topic| self.subscription.means(topic)).cloned().collect())
            }
        }
    }

    /// Whether the member wants this topic.
    pub(super) fn means(&self, topic: &str) -> bool {
        self.subscription.means(topic)
    }

    /// The member leads, and these are the topics of all; or it does not, and there are none.
    pub(super) fn lead(&mut self, of_all: BTreeSet<Arc<str>>) {
        self.group = of_all;
    }

    /// How many partitions the topics of the group have, once all of them were looked up.
    pub(super) fn counts(&self) -> Option<Counts> {
        let is_known = |topic: &Arc<str>| self.looked_up.contains(topic) || self.counts.contains_key(topic);
        self.group.iter().all(is_known).then(|| self.known_counts())
    }

    /// As far as they are known.
    pub(super) fn known_counts(&self) -> Counts {
        let of_group = |(topic, _): &(&Arc<str>, &i32)| self.group.contains(*topic);
        let counts = self.counts.iter().filter(of_group);
        counts.map(|(topic, count)| (Arc::clone(topic), *count)).collect()
    }

    /// Looks soon if topics of the group were never looked up.
    pub(super) fn look_if_unknown(&mut self, now: Mono) {
        if self.counts().is_none() {
            self.look_now(now);
        }
    }

    /// Looks without waiting for the time to do so.
    pub(super) fn look_now(&mut self, now: Mono) {
        self.next = self.next.min(now);
    }

    /// What to look up now, if it is time.
    pub(super) fn look(&mut self, now: Mono) -> Option<Wanted> {
        if self.asked.is_some() || self.next > now {
            return None;
        }
        let wanted = match &self.subscription {
            Subscription::Names(names) => Wanted::Names(names.union(&self.group).cloned().collect()),
            Subscription::Pattern(_) => Wanted::All,
        };
        self.asked = Some(wanted.clone());
        Some(wanted)
    }

    /// Takes what was found.
    pub(super) fn found(&mut self, found: Vec<(Arc<str>, Seen)>, now: Mono) {
        // Brokers may not have heard yet of a topic that was just made, or of who leads it.
        let is_wanted = |topic: &Arc<str>| self.subscription.means(topic) || self.group.contains(topic);
        let is_missing = found.iter().any(|(topic, seen)| match seen {
            Seen::Partitions(_) => false,
            Seen::Gone | Seen::Unsure => is_wanted(topic),
        });
        if is_missing {
            self.next = now + self.backoff.pause().min(self.refresh);
        } else {
            self.backoff.reset();
            self.next = now + self.refresh;
        }
        self.has_looked = true;
        match self.asked.take() {
            Some(Wanted::Names(names)) => self.looked_up = names,
            Some(Wanted::All) => {
                let named: BTreeSet<_> = found.iter().map(|(topic, _)| Arc::clone(topic)).collect();
                self.counts.retain(|topic, _| named.contains(topic));
                self.looked_up.clone_from(&self.group);
            }
            None => {}
        }
        for (topic, seen) in found {
            match seen {
                Seen::Partitions(count) => {
                    self.counts.insert(topic, count);
                }
                Seen::Gone => {
                    self.counts.remove(&topic);
                }
                Seen::Unsure => {}
            }
        }
        // Others have joined meanwhile whose topics were not asked for.
        if self.counts().is_none() {
            self.next = now;
        }
    }

    /// Nothing was found.
    pub(super) fn failed(&mut self, now: Mono) {
        self.asked = None;
        self.next = now + self.backoff.pause().min(self.refresh);
    }

    /// When to look again.
    pub(super) fn due(&self) -> Option<Mono> {
        Some(self.next).filter(|_| self.asked.is_none())
    }
}
