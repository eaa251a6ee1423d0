//! The states of the receivers: running, waiting for a restart, ended.

#[cfg(test)]
use std::time::Duration;

use super::event::{Action, InputClass, InputId};
use crate::clock::Mono;
use crate::config::Backoff;

#[derive(Debug)]
pub(super) struct Receivers {
    slots: Vec<Slot>,
    backoff: Backoff,
    max_restarts: Option<u32>,
    /// State of the generator that spreads restarts; the engine itself has no randomness, its seed comes from
    /// the driver.
    jitter: u64,
}

#[derive(Debug)]
struct Slot {
    input: InputId,
    state: State,
    /// How often it was started without storing anything.
    attempt: u32,
    /// Blocks stored when it was last started.
    stored: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Running,
    Waiting { until: Mono },
    Ended,
}

/// Whether the end of a receiver ends the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterEnd {
    GoOn,
    GiveUp,
}

impl Receivers {
    pub(super) fn new(
        inputs: &[InputClass],
        backoff: Backoff,
        max_restarts: Option<u32>,
        jitter: u64,
    ) -> Self {
        let slots = inputs
            .iter()
            .enumerate()
            .filter(|(_, class)| **class == InputClass::Receiver)
            .map(|(input, _)| Slot { input, state: State::Idle, attempt: 0, stored: 0 })
            .collect();
        Self { slots, backoff, max_restarts, jitter }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) fn all_ended(&self) -> bool {
        self.slots.iter().all(|slot| slot.state == State::Ended)
    }

    pub(super) fn start_all(&mut self, out: &mut Vec<Action>) {
        for slot in &mut self.slots {
            slot.start(out);
        }
    }

    /// Starts those whose pause is over.
    pub(super) fn restart_due(&mut self, now: Mono, out: &mut Vec<Action>) {
        for slot in &mut self.slots {
            if matches!(slot.state, State::Waiting { until } if until <= now) {
                slot.start(out);
            }
        }
    }

    pub(super) fn next_restart(&self) -> Option<Mono> {
        let waiting = self.slots.iter().filter_map(|slot| match slot.state {
            State::Waiting { until } => Some(until),
            State::Idle | State::Running | State::Ended => None,
        });
        waiting.min()
    }

    /// A receiver's `run` has returned.
    pub(super) fn ended(
        &mut self,
        input: InputId,
        failed: bool,
        stored: u64,
        now: Mono,
        out: &mut Vec<Action>,
    ) -> AfterEnd {
        let jitter = next_jitter(&mut self.jitter);
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.input == input) else {
            return AfterEnd::GoOn;
        };
        if !failed {
            slot.state = State::Ended;
            out.push(Action::ReceiverFinished { input, failed: false });
            return AfterEnd::GoOn;
        }
        if stored > slot.stored {
            slot.attempt = 1;
        }
        if self.max_restarts.is_some_and(|max| slot.attempt > max) {
            slot.state = State::Ended;
            out.push(Action::ReceiverFinished { input, failed: true });
            return AfterEnd::GiveUp;
        }
        let delay = self.backoff.delay(slot.attempt).mul_f64(jitter);
        slot.state = State::Waiting { until: now + delay };
        slot.stored = stored;
        out.push(Action::ReceiverRestarts { input, attempt: slot.attempt, delay });
        AfterEnd::GoOn
    }

    /// The context stops: nobody is started again, and who runs is waited for.
    pub(super) fn stop(&mut self) {
        for slot in &mut self.slots {
            if slot.state != State::Running {
                slot.state = State::Ended;
            }
        }
    }

    /// A receiver has come back after the stop.
    pub(super) fn ended_in_stop(&mut self, input: InputId, out: &mut Vec<Action>) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.input == input) {
            slot.state = State::Ended;
            out.push(Action::ReceiverFinished { input, failed: false });
        }
    }
}

impl Slot {
    fn start(&mut self, out: &mut Vec<Action>) {
        self.attempt = self.attempt.saturating_add(1);
        self.state = State::Running;
        out.push(Action::StartReceiver { input: self.input, attempt: self.attempt });
    }
}

/// A factor between 0.8 and 1.2, from a SplitMix64 sequence.
fn next_jitter(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    0.8 + 0.4 * f64::from((z >> 32) as u32) / f64::from(u32::MAX)
}

/// Adds up to the delay a test expects.
#[cfg(test)]
pub(super) fn within_jitter(delay: Duration, base: Duration) -> bool {
    delay >= base.mul_f64(0.8) && delay <= base.mul_f64(1.2)
}
