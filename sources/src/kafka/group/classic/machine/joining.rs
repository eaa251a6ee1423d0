//! From the coordinator to a share of the partitions: join, share out, ask for the share, take it. A part of the machine.

use std::collections::BTreeSet;

use batchmill::Mono;

use super::event::{Action, Joined, Trouble};
use super::{Asking, Machine, Phase};
use crate::kafka::group::GroupError;
use crate::kafka::group::assignor::{self, Assignor, Held};
use crate::kafka::{ErrorCode, KafkaError, TopicPartition};

impl Machine {
    /// Asks to be a member.
    pub(super) fn join(&mut self, out: &mut Vec<Action>) {
        // A pattern's topics are being looked up.
        let Some(topics) = self.topics.subscribed() else { return };
        let held = Held { partitions: &self.held, generation: self.held_generation };
        let said =
            |assignor: &Assignor| assignor.subscription(&topics, held).map(|said| (assignor.name(), said));
        match self.config.params.assignors.iter().map(said).collect() {
            Ok(protocols) => {
                out.push(Action::Join { member: self.me.id.clone(), protocols });
                self.joined_topics = topics;
                self.phase = Phase::Joining;
                self.asking = Some(Asking::Join);
            }
            Err(cause) => self.fail(KafkaError::Request { request: "JoinGroup", cause }, out),
        }
    }

    /// Somebody has said who coordinates the group, or nobody has.
    pub(super) fn found(&mut self, now: Mono, found: Result<(), Trouble>, out: &mut Vec<Action>) {
        self.asking = None;
        match found {
            Ok(()) => self.coordinator = true,
            Err(trouble) => self.troubled(now, trouble, "the group's coordinator is not known", out),
        }
    }

    /// The group has begun a generation, or not with this member.
    pub(super) fn joined(&mut self, now: Mono, joined: Result<Joined, Trouble>, out: &mut Vec<Action>) {
        self.asking = None;
        let was_joining = matches!(self.phase, Phase::Joining);
        let joined = match joined {
            Ok(joined) => joined,
            Err(trouble) => return self.not_joined(now, trouble, was_joining, out),
        };
        self.me.server = joined.server;
        self.me.id = joined.member;
        self.me.keeps_name = joined.keeps_name;
        if !was_joining {
            // It is leaving: the id is what it says goodbye with. In the new generation it never has a share, and nothing is
            // committed under that.
            return;
        }
        self.me.generation = joined.generation;
        self.lose_what_is_awaited(out);
        self.drop_foreign(out);
        self.me.session = joined.session;
        self.is_well(now);
        self.me.leads = joined.leader == self.me.id;
        let Some(assignor) = Assignor::named(&joined.protocol) else {
            return self.fail_as_member(self.no_common_assignor(), out);
        };
        self.me.assignor = Some(assignor);
        self.me.next_heartbeat = now + self.heartbeat_interval();
        if !self.me.leads {
            self.topics.lead(BTreeSet::new());
            return self.sync(Vec::new(), out);
        }
        let mut members = Vec::new();
        for member in joined.members {
            match assignor.member(&member.id, member.instance.as_deref(), &member.said) {
                Ok(member) => members.push(member),
                Err(error) => out.push(Action::Tell("member_ignored", format!("{}: {error}", member.id))),
            }
        }
        self.topics.lead(members.iter().flat_map(|member| member.topics.iter().cloned()).collect());
        self.topics.look_if_unknown(now);
        self.phase = Phase::Sharing(members);
    }

    fn not_joined(&mut self, now: Mono, trouble: Trouble, was_joining: bool, out: &mut Vec<Action>) {
        if was_joining {
            self.phase = Phase::Unjoined;
        }
        match trouble {
            // It joins at once with the id that it is given.
            Trouble::Refused { server, code: ErrorCode::MEMBER_ID_REQUIRED, member }
                if self.me.id.is_empty() && !member.is_empty() =>
            {
                self.me.server = server;
                self.me.id = member;
            }
            trouble if was_joining => self.troubled(now, trouble, "the group cannot be joined", out),
            _ => {}
        }
    }

    /// Asks for the share, as the leader with those of all.
    fn sync(&mut self, shares: Vec<(String, Vec<u8>)>, out: &mut Vec<Action>) {
        self.phase = Phase::Syncing;
        self.asking = Some(Asking::Sync);
        out.push(Action::Sync { member: self.me.id.clone(), generation: self.me.generation, shares });
    }

    /// Shares out, once all topics are known.
    pub(super) fn share_out(&mut self, out: &mut Vec<Action>) {
        let Phase::Sharing(members) = &self.phase else { return };
        let (Some(counts), Some(assignor)) = (self.topics.counts(), self.me.assignor) else { return };
        let shares = assignor.assign(&counts, members);
        let encoded = shares
            .into_iter()
            .map(|(member, partitions)| assignor::encode_share(&partitions).map(|share| (member, share)));
        match encoded.collect() {
            Ok(shares) => {
                self.shared = counts;
                self.sync(shares, out);
            }
            Err(cause) => self.fail(KafkaError::Request { request: "SyncGroup", cause }, out),
        }
    }

    /// The leader has shared out.
    pub(super) fn synced(&mut self, now: Mono, synced: Result<Vec<u8>, Trouble>, out: &mut Vec<Action>) {
        self.asking = None;
        if !matches!(self.phase, Phase::Syncing) {
            return;
        }
        let bytes = match synced {
            Ok(bytes) => bytes,
            Err(trouble) => {
                self.phase = Phase::Unjoined;
                return self.troubled(now, trouble, "the group gives no partitions", out);
            }
        };
        let mut share = match assignor::decode_share(&bytes) {
            Ok(share) => share,
            Err(cause) => return self.fail_as_member(GroupError::BadShare(cause), out),
        };
        share.retain(|partition| self.topics.means(&partition.topic));
        self.is_well(now);
        self.me.next_heartbeat = now + self.heartbeat_interval();
        self.take_share(now, share, out);
    }

    /// The member has these partitions from now on, and no others.
    fn take_share(&mut self, now: Mono, share: BTreeSet<TopicPartition>, out: &mut Vec<Action>) {
        let is_cooperative = self.me.assignor.is_some_and(Assignor::is_cooperative);
        let has_missed_one = self.held_generation >= 0 && self.me.generation > self.held_generation + 1;
        if has_missed_one && !is_cooperative && !self.held.is_empty() {
            // Others may have had any of these in between, and may have committed further: none is what it was.
            out.push(Action::Lost(std::mem::take(&mut self.held).into_iter().collect()));
            self.drop_foreign(out);
        }
        let new: Vec<_> = share.difference(&self.held).cloned().collect();
        let gone: Vec<_> = self.held.difference(&share).cloned().collect();
        self.held = share;
        self.held_generation = self.me.generation;
        self.phase = Phase::Stable;
        let gives_up = is_cooperative && !gone.is_empty();
        if gives_up {
            self.giving.extend(gone.iter().cloned());
        }
        self.drop_foreign(out);
        if !gives_up && !gone.is_empty() {
            out.push(Action::HandedOver(gone.clone()));
        }
        out.push(Action::Assigned(new));
        // At last, for the group has shared out with that: what is waited for is waited for from now on.
        if gives_up {
            self.asked_done += 1;
            out.push(Action::Revoke(gone));
            self.prepare(now, out);
        }
    }

    /// What the listener still waits with is gone: the member has joined without it.
    pub(super) fn lose_what_is_awaited(&mut self, out: &mut Vec<Action>) {
        if self.awaited > 0 && !self.giving.is_empty() {
            out.push(Action::Lost(self.giving.iter().cloned().collect()));
        }
        self.giving.clear();
    }

    /// Commits what is done, and joins again then.
    pub(super) fn prepare(&mut self, now: Mono, out: &mut Vec<Action>) {
        let patience = self.config.patience.min(self.config.params.max_poll / 2);
        self.phase = Phase::Preparing { until: now + patience };
        self.asked_done += 1;
        self.commits.await_all();
        let keeps_all = self.me.assignor.is_some_and(Assignor::is_cooperative);
        out.push(if keeps_all { Action::AskDone { pause: false } } else { Action::Yield });
    }

    /// Joins again where that gives other partitions.
    pub(super) fn notice_changes(&mut self, now: Mono, out: &mut Vec<Action>) {
        if !matches!(self.phase, Phase::Stable) {
            return;
        }
        let other_topics = self.topics.subscribed().is_some_and(|topics| topics != self.joined_topics);
        if other_topics || self.me.leads && self.topics.known_counts() != self.shared {
            out.push(Action::Tell("group_topics_changed", format!("group {:?}", self.config.group)));
            self.prepare(now, out);
        }
    }
}
