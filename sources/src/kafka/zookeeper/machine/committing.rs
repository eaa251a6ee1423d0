//! What a member writes as its offsets. A part of the machine.

use batchmill::Mono;

use super::{Action, Machine};
use crate::kafka::TopicPartition;
use crate::kafka::group::Offsets;
use crate::kafka::zookeeper::failure::Failure;
use crate::kafka::zookeeper::offsets::Written;

impl Machine {
    /// Takes offsets to be committed, of what the member has.
    pub(super) fn take(&mut self, offsets: Offsets, out: &mut Vec<Action>) {
        let is_ours =
            |partition: &TopicPartition| self.held.contains_key(partition) || self.giving.contains(partition);
        let (ours, gone): (Offsets, Offsets) = offsets.into_iter().partition(|(name, _)| is_ours(name));
        self.waiting.extend(ours);
        self.tell(gone, false, out);
    }

    pub(super) fn take_waiting(&mut self, goes: impl Fn(&Self, &TopicPartition) -> bool) -> Offsets {
        let gone: Vec<_> = self.waiting.keys().filter(|partition| goes(self, partition)).cloned().collect();
        gone.into_iter().filter_map(|partition| self.waiting.remove_entry(&partition)).collect()
    }

    pub(super) fn committed(
        &mut self,
        offsets: Offsets,
        written: &[Written],
        failure: Option<Failure>,
        now: Mono,
        out: &mut Vec<Action>,
    ) {
        self.asked = false;
        let (mut done, mut fenced) = (Offsets::new(), Offsets::new());
        for (at, (partition, committed)) in offsets.into_iter().enumerate() {
            match written.get(at) {
                Some(Written::Done) => done.push((partition, committed)),
                Some(Written::Over(other)) => {
                    let detail = format!("{partition}: {other} by somebody else, {} now", committed.offset);
                    out.push(Action::Tell("offset_overwritten", detail));
                    done.push((partition, committed));
                }
                Some(Written::Fenced) => fenced.push((partition, committed)),
                // A newer one counts.
                None => {
                    self.waiting.entry(partition).or_insert(committed);
                }
            }
        }
        let lost: Vec<_> = fenced.iter().map(|(partition, _)| partition.clone()).collect();
        self.tell(done, true, out);
        self.tell(fenced, false, out);
        if !lost.is_empty() {
            self.due = true;
            let lost = lost.into_iter().filter(|partition| self.held.remove(partition).is_some()).collect();
            self.lose(lost, out);
        }
        match failure {
            None => self.went_well(out),
            Some(failure) => self.failed(failure, now, out),
        }
    }

    pub(super) fn tell(&self, offsets: Offsets, committed: bool, out: &mut Vec<Action>) {
        if !offsets.is_empty() {
            out.push(Action::Told { offsets, committed });
        }
    }
}
