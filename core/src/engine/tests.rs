//! The engine on its own: scenarios, and random event sequences with its invariants checked after each event.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::BatchTime;
use crate::clock;

/// Performs actions as a driver would, but only when a test says so.
struct Harness {
    engine: Engine,
    now: Now,
    /// Everything the engine has ordered, in order.
    log: Vec<Action>,
    /// Orders without an answer yet.
    open: Vec<Action>,
    /// For each input, how many blocks it has stored and not handed over.
    stored: Vec<u64>,
    taken: Vec<u64>,
    released: Vec<u64>,
}

fn config(inputs: &[InputClass]) -> EngineConfig {
    EngineConfig {
        batch_interval: Duration::from_secs(1),
        block_interval: Duration::from_millis(200),
        max_pending: 2,
        missed_ticks: MissedTicks::Merge,
        policy: ErrorPolicy::stop(),
        receiver_backoff: Backoff::DEFAULT,
        receiver_max_restarts: None,
        jitter_seed: 1,
        inputs: inputs.to_vec(),
        outputs: 2,
    }
}

impl Harness {
    fn new(config: EngineConfig) -> Self {
        let n = config.inputs.len();
        let now = Now { mono: Mono::default(), wall: clock::Wall::from_ms(10_000) };
        let (stored, taken, released) = (vec![0; n], vec![0; n], vec![0; n]);
        Self { engine: Engine::new(config), now, log: Vec::new(), open: Vec::new(), stored, taken, released }
    }

    fn started(config: EngineConfig) -> Self {
        let mut harness = Self::new(config);
        harness.event(Event::Start);
        harness
    }

    fn event(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let mut actions = Vec::new();
            self.engine.handle(self.now, event, &mut actions);
            self.engine.assert_invariants();
            for action in actions {
                self.log.push(action.clone());
                events.extend(self.perform(action));
            }
        }
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        match &action {
            Action::Cut { batch, .. } => {
                let ranges = (0..self.stored.len()).map(|input| {
                    let start = self.taken[input];
                    self.taken[input] += std::mem::take(&mut self.stored[input]);
                    TakenRange { input, ids: start..self.taken[input], bytes: 1 }
                });
                return Some(Event::Taken { batch: *batch, ranges: ranges.collect() });
            }
            Action::Complete { ranges, .. } => {
                for range in ranges {
                    assert_eq!(self.released[range.input], range.ids.start, "released once, in order");
                    self.released[range.input] = range.ids.end;
                }
            }
            Action::StartInputs
            | Action::StartReceiver { .. }
            | Action::Plan { .. }
            | Action::RunJob { .. }
            | Action::StopInputs => self.open.push(action),
            _ => {}
        }
        None
    }

    fn advance(&mut self, d: Duration) {
        self.now.mono = self.now.mono + d;
        self.now.wall = clock::Wall::from_ns(self.now.wall.as_ns() + i64::try_from(d.as_nanos()).unwrap());
        self.event(Event::Wake);
    }

    /// Answers the n-th open order, well or badly.
    fn answer(&mut self, n: usize, ok: bool) {
        if self.open.is_empty() {
            return;
        }
        let n = n % self.open.len();
        let event = match self.open.remove(n) {
            Action::StartInputs => Event::InputsStarted { ok },
            Action::StartReceiver { input, .. } => {
                Event::ReceiverEnded { input, failed: !ok, stored: self.stored[input] + self.taken[input] }
            }
            Action::Plan { batch, .. } => Event::Planned { batch, ok },
            Action::RunJob { batch, output, .. } => Event::JobDone { batch, output, ok },
            Action::StopInputs => Event::InputsStopped,
            other => unreachable!("{other:?} needs no answer"),
        };
        self.event(event);
    }

    fn finish_jobs(&mut self) {
        while let Some(n) = self.open.iter().position(|open| matches!(open, Action::RunJob { .. })) {
            self.answer(n, true);
        }
    }

    fn cuts(&self) -> Vec<i64> {
        let label = |action: &Action| match action {
            Action::Cut { time, .. } => Some(time.as_ms()),
            _ => None,
        };
        self.log.iter().filter_map(label).collect()
    }

    fn outcomes(&self) -> Vec<Outcome> {
        let outcome = |action: &Action| match action {
            Action::Complete { outcome, .. } => Some(*outcome),
            _ => None,
        };
        self.log.iter().filter_map(outcome).collect()
    }

    fn runs(&self) -> Vec<(OutputId, u32)> {
        let run = |action: &Action| match action {
            Action::RunJob { output, attempt, .. } => Some((*output, *attempt)),
            _ => None,
        };
        self.log.iter().filter_map(run).collect()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn batches_are_cut_at_ticks_and_their_outputs_run_in_order() {
    let mut h = Harness::started(config(&[InputClass::Inline]));
    assert_eq!(h.log, [Action::Started { first: BatchTime::from_ms(11_000) }]);
    h.advance(SECOND);
    h.finish_jobs();
    h.advance(SECOND);
    h.finish_jobs();
    assert_eq!(h.cuts(), [11_000, 12_000]);
    assert_eq!(h.runs(), [(0, 1), (1, 1), (0, 1), (1, 1)]);
    assert_eq!(h.outcomes(), [Outcome::Succeeded, Outcome::Succeeded]);
}

#[test]
fn while_two_batches_wait_no_more_are_cut_and_ticks_merge() {
    let mut h = Harness::started(config(&[InputClass::Inline]));
    for _ in 0..6 {
        h.advance(SECOND);
    }
    assert_eq!(h.cuts(), [11_000, 12_000, 13_000], "one runs, two wait");
    h.finish_jobs();
    assert_eq!(h.cuts(), [11_000, 12_000, 13_000, 16_000], "14, 15 and 16 s are one batch");
}

#[test]
fn missed_ticks_can_each_get_a_batch() {
    let mut settings = config(&[InputClass::Inline]);
    settings.missed_ticks = MissedTicks::Each;
    let mut h = Harness::started(settings);
    h.advance(SECOND * 5);
    while !h.open.is_empty() {
        h.finish_jobs();
    }
    assert_eq!(h.cuts(), [11_000, 12_000, 13_000, 14_000, 15_000]);
}

#[test]
fn a_failing_job_is_run_again_and_then_stops_the_context() {
    let mut settings = config(&[InputClass::Inline]);
    settings.policy = ErrorPolicy::retry(1);
    let mut h = Harness::started(settings);
    h.advance(SECOND);
    h.answer(0, false);
    assert!(h.open.is_empty(), "it waits before it runs again");
    h.advance(Duration::from_millis(100));
    h.answer(0, false);
    assert_eq!(h.runs(), [(0, 1), (0, 2)]);
    assert_eq!(h.outcomes(), [Outcome::Failed]);
    assert!(h.log.contains(&Action::Fatal) && h.engine.is_finished());
}

#[test]
fn after_an_error_the_other_outputs_and_batches_go_on_if_the_policy_says_so() {
    let mut settings = config(&[InputClass::Inline]);
    settings.policy = ErrorPolicy::continue_on_error();
    let mut h = Harness::started(settings);
    h.advance(SECOND);
    h.answer(0, false);
    h.finish_jobs();
    h.advance(SECOND);
    h.finish_jobs();
    assert_eq!(h.outcomes(), [Outcome::Failed, Outcome::Succeeded]);
    assert_eq!(h.runs(), [(0, 1), (1, 1), (0, 1), (1, 1)]);
}

#[test]
fn a_graceful_stop_cuts_once_more_with_the_next_label_and_runs_all() {
    let mut h = Harness::started(config(&[InputClass::Receiver]));
    h.stored[0] = 3;
    h.advance(Duration::from_millis(300));
    h.event(Event::Stop { graceful: true });
    assert_eq!(h.cuts(), [11_000], "though the receiver has not come back");
    h.finish_jobs();
    assert_eq!(h.outcomes(), [Outcome::Succeeded]);
    assert_eq!(h.released, [3]);
    assert!(!h.engine.is_finished(), "the receiver is waited for");
    h.answer(0, true);
    assert!(h.engine.is_finished());
}

#[test]
fn a_hard_stop_finishes_the_running_batch_and_abandons_the_others() {
    let mut h = Harness::started(config(&[InputClass::Inline]));
    h.advance(SECOND);
    h.advance(SECOND);
    h.event(Event::Stop { graceful: false });
    h.finish_jobs();
    assert_eq!(h.outcomes(), [Outcome::Succeeded, Outcome::Abandoned], "in the order of cuts");
    assert!(h.engine.is_finished());
}

#[test]
fn a_failed_receiver_is_started_again_after_a_pause_that_doubles() {
    let mut h = Harness::started(config(&[InputClass::Receiver]));
    let mut delays = Vec::new();
    for _ in 0..3 {
        h.answer(0, false);
        let Some(Action::ReceiverRestarts { delay, .. }) = h.log.last() else { panic!("{:?}", h.log) };
        delays.push(*delay);
        h.advance(*delay);
    }
    for (delay, base) in delays.iter().zip([100, 200, 400]) {
        assert!(receivers::within_jitter(*delay, Duration::from_millis(base)), "{delay:?}");
    }
    let starts = h.log.iter().filter(|action| matches!(action, Action::StartReceiver { .. }));
    assert_eq!(starts.count(), 4);
}

#[test]
fn a_receiver_that_stored_something_begins_with_the_first_pause_again() {
    let mut h = Harness::started(config(&[InputClass::Receiver]));
    for _ in 0..4 {
        h.answer(0, false);
        h.advance(SECOND * 2);
        h.finish_jobs();
    }
    h.stored[0] = 1;
    h.answer(0, false);
    assert!(
        matches!(h.log.last(), Some(Action::ReceiverRestarts { delay, attempt: 1, .. })
            if receivers::within_jitter(*delay, Duration::from_millis(100))),
        "{:?}",
        h.log.last()
    );
}

#[test]
fn an_input_that_cannot_plan_is_asked_again_or_left_out() {
    let mut settings = config(&[InputClass::Blocking]);
    settings.policy = ErrorPolicy::retry(1).then_continue();
    let mut h = Harness::started(settings);
    h.answer(0, true);
    h.advance(SECOND);
    h.answer(0, false);
    h.advance(Duration::from_millis(100));
    h.answer(0, false);
    h.finish_jobs();
    assert_eq!(h.outcomes(), [Outcome::Failed], "its outputs ran all the same");
    assert_eq!(h.runs(), [(0, 1), (1, 1)]);
}

#[test]
fn a_batch_is_planned_after_the_one_before_it_whatever_that_takes() {
    let mut settings = config(&[InputClass::Blocking]);
    settings.policy = ErrorPolicy::retry(1).backoff(SECOND * 3, SECOND * 3);
    let mut h = Harness::started(settings);
    h.answer(0, true);
    h.advance(SECOND);
    h.advance(SECOND);
    h.answer(0, false);
    h.advance(SECOND);
    assert_eq!(h.cuts(), [11_000, 12_000]);
    assert!(
        h.open.is_empty(),
        "the first batch waits for its second attempt, the second batch for the first"
    );
    h.advance(SECOND * 2);
    for _ in 0..2 {
        h.answer(0, true);
    }
    let planned = h.log.iter().filter_map(|action| match action {
        Action::Plan { time, .. } => Some(time.as_ms()),
        _ => None,
    });
    assert_eq!(planned.take(3).collect::<Vec<_>>(), [11_000, 11_000, 12_000]);
}

#[test]
fn open_blocks_are_sealed_between_cuts() {
    let mut h = Harness::started(config(&[InputClass::Receiver]));
    for _ in 0..10 {
        h.advance(Duration::from_millis(100));
    }
    let seals = h.log.iter().filter(|action| **action == Action::SealBlocks).count();
    assert_eq!(seals, 4, "at 200, 400, 600 and 800 ms; the cut itself seals at 1 s");
}

#[test]
fn an_input_that_cannot_start_ends_it_all() {
    let mut h = Harness::started(config(&[InputClass::Blocking]));
    h.answer(0, false);
    assert_eq!(h.log[1..], [Action::Fatal, Action::Finish { abandoned_batches: 0 }]);
}

/// One step of a random run.
#[derive(Clone, Debug)]
enum Step {
    Store { input: usize, blocks: u64 },
    Advance(u64),
    Wall(i64),
    Answer { n: usize, ok: bool },
    Stop { graceful: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3usize, 1..5u64).prop_map(|(input, blocks)| Step::Store { input, blocks }),
        4 => (0..3_000u64).prop_map(Step::Advance),
        1 => (-5_000..5_000i64).prop_map(Step::Wall),
        6 => (0..8usize, prop::bool::weighted(0.8)).prop_map(|(n, ok)| Step::Answer { n, ok }),
        1 => prop::bool::weighted(0.01).prop_map(|graceful| Step::Stop { graceful }),
    ]
}

fn settings() -> impl Strategy<Value = EngineConfig> {
    let class = prop_oneof![Just(InputClass::Receiver), Just(InputClass::Inline), Just(InputClass::Blocking)];
    let policy = (0..3u32, any::<bool>()).prop_map(|(retries, go_on)| {
        let policy = ErrorPolicy::retry(retries);
        if go_on { policy.then_continue() } else { policy }
    });
    let inputs = prop::collection::vec(class, 3);
    (inputs, 0..4usize, 1..4usize, any::<bool>(), policy).prop_map(
        |(inputs, outputs, max_pending, each, policy)| EngineConfig {
            outputs,
            max_pending,
            missed_ticks: if each { MissedTicks::Each } else { MissedTicks::Merge },
            policy,
            ..config(&inputs)
        },
    )
}

proptest! {
    /// Whatever happens in whatever order: the invariants hold after every event, labels increase, and after a stop
    /// with all answers given the engine comes to its end with every block released exactly once.
    #[test]
    fn any_sequence_of_events_keeps_the_invariants(
        settings in settings(),
        steps in prop::collection::vec(step(), 0..150),
        graceful in any::<bool>(),
    ) {
        let on_failure = settings.policy.on_failure;
        let mut hard = !graceful;
        let mut h = Harness::started(settings);
        for step in steps {
            match step {
                Step::Store { input: of, blocks } => {
                    let runs = |open: &Action| matches!(open, Action::StartReceiver { input, .. } if *input == of);
                    let refused = h.log.contains(&Action::StopReceivers);
                    if h.open.iter().any(runs) && !refused {
                        h.stored[of] += blocks;
                    }
                }
                Step::Advance(ms) => h.advance(Duration::from_millis(ms)),
                Step::Wall(ms) => {
                    h.now.wall = clock::Wall::from_ns(h.now.wall.as_ns() + ms * 1_000_000);
                    h.event(Event::Wake);
                }
                Step::Answer { n, ok } => h.answer(n, ok),
                Step::Stop { graceful } => {
                    hard |= !graceful;
                    h.event(Event::Stop { graceful });
                }
            }
        }
        h.event(Event::Stop { graceful });
        for _ in 0..1_000 {
            h.answer(0, true);
            h.advance(Duration::from_secs(31));
        }
        prop_assert!(h.engine.is_finished(), "{:?}", h.log.last());
        prop_assert!(h.cuts().windows(2).all(|w| w[0] < w[1]));
        prop_assert_eq!(&h.taken, &h.released);
        hard |= h.log.contains(&Action::Fatal);
        if !hard && on_failure == OnFailure::Continue {
            // Everything that was stored has run.
            prop_assert!(h.stored.iter().all(|left| *left == 0));
            prop_assert!(!h.outcomes().contains(&Outcome::Abandoned));
        }
    }
}
