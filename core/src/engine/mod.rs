//! The engine: a pure state machine that decides when batches are cut, what runs next, what is told to whom and
//! how all of it stops.
//!
//! It has no thread, no I/O, no clock and no randomness: a driver hands it events with the time, and performs the
//! actions it answers with. Two drivers exist, [`crate::driver::threads`] and [`crate::driver::stepped`].

mod batches;
mod event;
mod receivers;
#[cfg(test)]
mod tests;
mod ticks;

use std::time::Duration;

use batches::{Batches, Stage};
pub(crate) use event::{Action, BatchSeq, Event, InputClass, InputId, OutputId, TakenRange};
use receivers::{AfterEnd, Receivers};
use ticks::Ticks;

use crate::Outcome;
use crate::clock::{Mono, Now};
use crate::config::{Backoff, ErrorPolicy, MissedTicks, OnFailure};

/// What the engine needs to know of its context.
#[derive(Clone, Debug)]
pub(crate) struct EngineConfig {
    pub(crate) batch_interval: Duration,
    pub(crate) block_interval: Duration,
    pub(crate) max_pending: usize,
    pub(crate) missed_ticks: MissedTicks,
    pub(crate) policy: ErrorPolicy,
    pub(crate) receiver_backoff: Backoff,
    pub(crate) receiver_max_restarts: Option<u32>,
    pub(crate) jitter_seed: u64,
    pub(crate) inputs: Vec<InputClass>,
    pub(crate) outputs: usize,
}

#[derive(Debug)]
pub(crate) struct Engine {
    config: EngineConfig,
    phase: Phase,
    receivers: Receivers,
    batches: Batches,
    /// Set while running.
    ticks: Option<Ticks>,
    /// When open blocks are sealed next; none where no block interval is shorter than the batch interval.
    seal_at: Option<Mono>,
    /// For each input, the first block no batch has taken; only to check that none is skipped or taken twice.
    untaken: Vec<u64>,
    /// The last batch is done; what is left in the queues of receivers stays undone.
    closed: bool,
    /// How many batches were completed without having run.
    abandoned: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Created,
    /// Inputs are being started; a stop that was asked for meanwhile waits.
    Starting {
        stop: Option<bool>,
    },
    Running,
    Stopping {
        graceful: bool,
        last_cut: bool,
    },
    /// Inputs are being stopped.
    StoppingInputs,
    Finished,
}

impl Engine {
    pub(crate) fn new(config: EngineConfig) -> Self {
        let receivers = Receivers::new(
            &config.inputs,
            config.receiver_backoff,
            config.receiver_max_restarts,
            config.jitter_seed,
        );
        let untaken = vec![0; config.inputs.len()];
        Self {
            config,
            phase: Phase::Created,
            receivers,
            batches: Batches::default(),
            ticks: None,
            seal_at: None,
            untaken,
            closed: false,
            abandoned: 0,
        }
    }

    /// Takes in one event and says what to do about it. `now` never goes back in monotonic time.
    pub(crate) fn handle(&mut self, now: Now, event: Event, out: &mut Vec<Action>) {
        if self.phase == Phase::Finished {
            return;
        }
        match event {
            Event::Start => self.start(now, out),
            Event::InputsStarted { ok } => self.inputs_started(now, ok, out),
            Event::Wake => {}
            Event::Taken { batch, ranges } => self.taken(batch, ranges),
            Event::Planned { batch, ok } => self.planned(now, batch, ok, out),
            Event::JobDone { batch, output, ok } => self.job_done(now, batch, output, ok, out),
            Event::ReceiverEnded { input, failed, stored } => {
                self.receiver_ended(now, input, failed, stored, out);
            }
            Event::Stop { graceful } => self.stop(graceful, out),
            Event::InputsStopped => self.finish(out),
            Event::Abandon => self.finish(out),
        }
        self.advance(now, out);
    }

    /// When the engine wants to be woken if nothing happens before.
    pub(crate) fn next_deadline(&self) -> Option<Mono> {
        let tick = match self.phase {
            Phase::Running => self.ticks.as_ref().map(Ticks::next_at),
            _ => None,
        };
        let seal = if self.phase == Phase::Running { self.seal_at } else { None };
        let batch = self.batches.iter().filter_map(batches::BatchState::wakes_at).min();
        [tick, seal, batch, self.receivers.next_restart()].into_iter().flatten().min()
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    /// How many batches are cut and not completed.
    pub(crate) fn open_batches(&self) -> usize {
        self.batches.len()
    }

    /// How many inputs there are.
    pub(crate) fn input_count(&self) -> usize {
        self.config.inputs.len()
    }

    /// Whether an input of this class exists.
    pub(crate) fn has_inputs(&self, class: InputClass) -> bool {
        self.config.inputs.contains(&class)
    }

    fn start(&mut self, now: Now, out: &mut Vec<Action>) {
        if self.phase != Phase::Created {
            return;
        }
        self.phase = Phase::Starting { stop: None };
        if self.has_inputs(InputClass::Blocking) {
            out.push(Action::StartInputs);
        } else {
            self.inputs_started(now, true, out);
        }
    }

    fn inputs_started(&mut self, now: Now, ok: bool, out: &mut Vec<Action>) {
        let Phase::Starting { stop } = self.phase else { return };
        if !ok {
            out.push(Action::Fatal);
            return self.finish(out);
        }
        let ticks = Ticks::new(self.config.batch_interval, now);
        out.push(Action::Started { first: ticks.next_label() });
        self.ticks = Some(ticks);
        self.phase = Phase::Running;
        if !self.receivers.is_empty() && self.config.block_interval < self.config.batch_interval {
            self.seal_at = Some(now.mono + self.config.block_interval);
        }
        match stop {
            None => self.receivers.start_all(out),
            Some(graceful) => self.stop(graceful, out),
        }
    }

    fn taken(&mut self, seq: BatchSeq, ranges: Vec<TakenRange>) {
        for range in &ranges {
            let untaken = &mut self.untaken[range.input];
            assert_eq!(*untaken, range.ids.start, "blocks of input {} are taken in order", range.input);
            *untaken = range.ids.end;
        }
        let has_blocking = self.has_inputs(InputClass::Blocking);
        let Some(batch) = self.batches.get_mut(seq) else { return };
        batch.ranges = ranges;
        batch.stage = if has_blocking { Stage::Unplanned } else { Stage::Ready };
    }

    fn planned(&mut self, now: Now, seq: BatchSeq, ok: bool, out: &mut Vec<Action>) {
        let policy = self.config.policy;
        let Some(batch) = self.batches.get_mut(seq) else { return };
        let Stage::Planning { attempt } = batch.stage else { return };
        if ok || batch.abandoned {
            batch.stage = Stage::Ready;
        } else if attempt <= policy.retries {
            let until = now.mono + policy.backoff.delay(attempt);
            batch.stage = Stage::PlanBackoff { attempt, until };
        } else {
            batch.stage = Stage::Ready;
            batch.failed = true;
            if policy.on_failure == OnFailure::Stop {
                self.fatal(seq, out);
            }
        }
    }

    fn job_done(&mut self, now: Now, seq: BatchSeq, output: OutputId, ok: bool, out: &mut Vec<Action>) {
        let policy = self.config.policy;
        let retry_allowed = !matches!(self.phase, Phase::Stopping { graceful: false, .. });
        let Some(batch) = self.batches.front_mut().filter(|batch| batch.seq == seq) else { return };
        let Stage::Job { output: running, attempt } = batch.stage else { return };
        debug_assert_eq!(running, output, "the answer is for the job that runs");
        if !ok && attempt <= policy.retries && retry_allowed {
            let until = now.mono + policy.backoff.delay(attempt);
            batch.stage = Stage::JobBackoff { output, attempt, until };
            return;
        }
        batch.failed |= !ok;
        if !ok && policy.on_failure == OnFailure::Stop {
            return self.fatal(seq, out);
        }
        self.next_job(output + 1, out);
    }

    /// Runs the given output of the first batch, or completes the batch if that was the last.
    fn next_job(&mut self, output: OutputId, out: &mut Vec<Action>) {
        let Some(batch) = self.batches.front_mut() else { return };
        if output < self.config.outputs {
            batch.stage = Stage::Job { output, attempt: 1 };
            out.push(Action::RunJob { batch: batch.seq, output, attempt: 1 });
        } else {
            let (seq, failed) = (batch.seq, batch.failed);
            self.complete(seq, if failed { Outcome::Failed } else { Outcome::Succeeded }, out);
        }
    }

    fn complete(&mut self, seq: BatchSeq, outcome: Outcome, out: &mut Vec<Action>) {
        if let Some(batch) = self.batches.remove(seq) {
            self.abandoned += usize::from(outcome == Outcome::Abandoned);
            out.push(Action::Complete { batch: seq, outcome, ranges: batch.ranges });
        }
    }

    /// The context stops because of a batch, which will complete as failed in its turn.
    fn fatal(&mut self, seq: BatchSeq, out: &mut Vec<Action>) {
        if let Some(batch) = self.batches.get_mut(seq) {
            batch.failed = true;
            batch.stage = Stage::Ready;
        }
        out.push(Action::Fatal);
        self.stop(false, out);
    }

    fn receiver_ended(&mut self, now: Now, input: InputId, failed: bool, stored: u64, out: &mut Vec<Action>) {
        if self.phase != Phase::Running {
            return self.receivers.ended_in_stop(input, out);
        }
        if self.receivers.ended(input, failed, stored, now.mono, out) == AfterEnd::GiveUp {
            out.push(Action::Fatal);
            self.stop(false, out);
        }
    }

    fn stop(&mut self, graceful: bool, out: &mut Vec<Action>) {
        match &mut self.phase {
            Phase::Created => self.finish(out),
            Phase::Starting { stop } => *stop = Some(graceful && stop.unwrap_or(true)),
            Phase::Running => {
                self.phase = Phase::Stopping { graceful, last_cut: false };
                self.receivers.stop();
                out.push(Action::StopReceivers);
            }
            Phase::Stopping { graceful: now_graceful, .. } => *now_graceful &= graceful,
            Phase::StoppingInputs | Phase::Finished => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<Action>) {
        if self.phase != Phase::Finished {
            self.phase = Phase::Finished;
            out.push(Action::Finish { abandoned_batches: self.abandoned + self.batches.len() });
        }
    }

    /// Does all that time and the state allow now.
    fn advance(&mut self, now: Now, out: &mut Vec<Action>) {
        match self.phase {
            Phase::Running => {
                // First what waits is begun, for that makes room for a cut.
                self.advance_batches(now, out);
                self.advance_running(now, out);
            }
            Phase::Stopping { graceful, last_cut } => {
                self.advance_stop(graceful, last_cut, out);
                self.advance_batches(now, out);
                self.finish_stop(out);
            }
            Phase::Created | Phase::Starting { .. } | Phase::StoppingInputs | Phase::Finished => {}
        }
    }

    fn advance_running(&mut self, now: Now, out: &mut Vec<Action>) {
        self.receivers.restart_due(now.mono, out);
        let ticks = self.ticks.as_mut().expect("a running engine has ticks");
        ticks.advance(now);
        if self.batches.is_taking() {
            return;
        }
        if ticks.has_due() && self.batches.waiting() < self.config.max_pending {
            let label = match self.config.missed_ticks {
                MissedTicks::Merge => ticks.take_merged(),
                MissedTicks::Each => ticks.take_first(),
            };
            if let Some(time) = label {
                self.cut(time, out);
            }
        } else if let Some(at) = self.seal_at {
            if at <= now.mono {
                out.push(Action::SealBlocks);
            }
        }
        if let Some(at) = self.seal_at.filter(|at| *at <= now.mono) {
            let late = (now.mono - at).as_nanos() / self.config.block_interval.as_nanos();
            let steps = u32::try_from(late + 1).unwrap_or(u32::MAX);
            self.seal_at = Some(at + self.config.block_interval.saturating_mul(steps));
        }
    }

    fn cut(&mut self, time: crate::BatchTime, out: &mut Vec<Action>) {
        let (batch, previous) = self.batches.open(time);
        out.push(Action::Cut { batch, time, previous });
    }

    /// A graceful stop cuts once more; any other lets go of what has not begun. The cut does not wait for the receivers:
    /// from [`Action::StopReceivers`] on they can store nothing, and one that does not come back must not cost what is
    /// stored.
    fn advance_stop(&mut self, graceful: bool, last_cut: bool, out: &mut Vec<Action>) {
        if !graceful {
            return self.abandon_waiting(out);
        }
        if !last_cut && !self.batches.is_taking() {
            let ticks = self.ticks.as_mut().expect("an engine that stops has run");
            let time = ticks.take_early();
            self.cut(time, out);
            self.phase = Phase::Stopping { graceful, last_cut: true };
        }
    }

    /// Completes what has not begun to run, in the order of cuts, as far as nothing before it is still at work.
    fn abandon_waiting(&mut self, out: &mut Vec<Action>) {
        for batch in self.batches.iter_mut() {
            batch.abandoned |= !batch.is_running();
        }
        while let Some(front) = self.batches.front() {
            let outcome = match front.stage {
                Stage::JobBackoff { .. } => Outcome::Failed,
                Stage::Ready | Stage::PlanBackoff { .. } if front.failed => Outcome::Failed,
                Stage::Ready | Stage::Unplanned | Stage::PlanBackoff { .. } => Outcome::Abandoned,
                // Their answers are on the way.
                Stage::Taking | Stage::Planning { .. } | Stage::Job { .. } => return,
            };
            self.complete(front.seq, outcome, out);
        }
    }

    /// Plans and runs what is due.
    fn advance_batches(&mut self, now: Now, out: &mut Vec<Action>) {
        if let Some(batch) = self.batches.next_to_plan().filter(|batch| !batch.abandoned) {
            let attempt = match batch.stage {
                Stage::Unplanned => Some(1),
                Stage::PlanBackoff { attempt, until } if until <= now.mono => Some(attempt + 1),
                _ => None,
            };
            if let Some(attempt) = attempt {
                batch.stage = Stage::Planning { attempt };
                out.push(Action::Plan { batch: batch.seq, time: batch.time });
            }
        }
        // A batch without outputs completes at once, and then the next one's turn has come.
        while self.batches.front().is_some_and(|front| front.stage == Stage::Ready) {
            self.next_job(0, out);
        }
        let Some(front) = self.batches.front_mut() else { return };
        if let Stage::JobBackoff { output, attempt, until } = front.stage {
            if until <= now.mono {
                let attempt = attempt + 1;
                front.stage = Stage::Job { output, attempt };
                out.push(Action::RunJob { batch: front.seq, output, attempt });
            }
        }
    }

    fn finish_stop(&mut self, out: &mut Vec<Action>) {
        let Phase::Stopping { graceful, last_cut } = self.phase else { return };
        let cut = last_cut || !graceful;
        if !cut || !self.batches.is_empty() {
            return;
        }
        // Before the receivers are waited for: one of them may wait for this.
        if !std::mem::replace(&mut self.closed, true) {
            out.push(Action::CloseReceivers);
        }
        if !self.receivers.all_ended() {
            return;
        }
        if self.has_inputs(InputClass::Blocking) {
            self.phase = Phase::StoppingInputs;
            out.push(Action::StopInputs);
        } else {
            self.finish(out);
        }
    }

    /// Checks what must hold after every event.
    #[cfg(test)]
    pub(crate) fn assert_invariants(&self) {
        let batches: Vec<_> = self.batches.iter().collect();
        assert!(batches.windows(2).all(|w| w[0].time < w[1].time && w[0].seq < w[1].seq));
        assert!(batches.iter().skip(1).all(|batch| !batch.is_running()), "only the first batch runs");
        let last_cut = usize::from(matches!(self.phase, Phase::Stopping { last_cut: true, .. }));
        assert!(self.batches.waiting() <= self.config.max_pending + last_cut, "{batches:?}");
        let mut taken = vec![None; self.config.inputs.len()];
        for range in batches.iter().flat_map(|batch| &batch.ranges) {
            let before = taken[range.input].replace(range.ids.end);
            assert!(before.is_none_or(|end| end == range.ids.start), "no block is skipped or taken twice");
        }
        for (input, end) in taken.into_iter().enumerate() {
            assert!(end.is_none_or(|end| end == self.untaken[input]));
        }
        if let Some(front) = self.batches.front() {
            assert!(front.stage != Stage::Ready || !matches!(self.phase, Phase::Running), "work waits");
        }
    }
}
