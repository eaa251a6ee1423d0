//! The blocking inputs, and what is asked of them: start, plan, completed, stop. On the generate thread (on the
//! caller's in a stepped context); user code runs here, so every call is guarded against panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Surroundings;
use crate::Outcome;
use crate::engine::InputId;
use crate::error::{Error, Panicked, SourceError};
use crate::graph::{BatchData, BlockingInput, RecordCount, Slot};
use crate::input::{InputHandle, PlanLimits};
use crate::listener::{ListenerEvent, SourceEvent};

pub(super) struct Generator {
    inputs: Vec<(InputId, Box<dyn BlockingInput>)>,
    limits: PlanLimits,
    surroundings: Surroundings,
}

impl Generator {
    pub(super) fn new(limits: PlanLimits, surroundings: Surroundings) -> Self {
        Self { inputs: Vec::new(), limits, surroundings }
    }

    pub(super) fn add(&mut self, input: InputId, source: Box<dyn BlockingInput>) {
        self.inputs.push((input, source));
    }

    /// Starts all inputs, in order of creation; the first that fails ends it, and those before it are stopped.
    pub(super) fn start(&mut self) -> Result<(), Error> {
        for i in 0..self.inputs.len() {
            let (input, source) = &mut self.inputs[i];
            let name = Arc::clone(&self.surroundings.names[*input]);
            let Surroundings { bus, given_up, .. } = &self.surroundings;
            let handle = InputHandle::new(Arc::clone(&name), self.limits, Arc::clone(bus), given_up.clone());
            if let Err(cause) = guarded(|| source.start(&handle)) {
                self.stop_first(i);
                return Err(source_error(&name, cause));
            }
        }
        Ok(())
    }

    /// Plans every input that has no plan for this batch yet. All are asked; the first error is returned.
    pub(super) fn plan(&mut self, data: &BatchData) -> Result<(), Error> {
        let mut first_error = None;
        for (input, source) in &mut self.inputs {
            let slot = &data.slots[*input];
            if slot.lock().plan.is_some() {
                continue;
            }
            match guarded(|| source.plan(&self.limits, &data.context)) {
                Ok(planned) => {
                    let records = planned.records.map_or(RecordCount::Unknown, RecordCount::Known);
                    *slot.lock() = Slot {
                        batch: Some(planned.batch),
                        plan: Some(planned.plan),
                        bytes: planned.bytes,
                        records,
                    };
                }
                Err(cause) => {
                    let name = &self.surroundings.names[*input];
                    log::warn!("source {name} could not plan batch {}: {cause}", data.time());
                    tell(&self.surroundings, name, "plan_failed", &cause);
                    first_error.get_or_insert_with(|| source_error(name, cause));
                }
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    /// Tells every input that planned something for this batch how it ended.
    pub(super) fn completed(&mut self, data: &BatchData, outcome: Outcome) {
        for (input, source) in &mut self.inputs {
            let Some(plan) = data.slots[*input].lock().plan.take() else { continue };
            let completed = || {
                let result = source.completed(data.time(), &plan, outcome);
                drop(plan);
                result
            };
            if let Err(cause) = guarded(completed) {
                let name = &self.surroundings.names[*input];
                log::error!("source {name} could not complete batch {}: {cause}", data.time());
                tell(&self.surroundings, name, "complete_failed", &cause);
            }
        }
    }

    pub(super) fn stop(&mut self) {
        self.stop_first(self.inputs.len());
    }

    fn stop_first(&mut self, n: usize) {
        for (input, source) in &mut self.inputs[..n] {
            let stopped = guarded(|| {
                source.stop();
                Ok(())
            });
            if let Err(cause) = stopped {
                log::error!("source {} could not stop: {cause}", self.surroundings.names[*input]);
            }
        }
    }
}

fn guarded<R>(call: impl FnOnce() -> Result<R, SourceError>) -> Result<R, SourceError> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|payload| Err(Panicked::from_payload(&*payload).into()))
}

fn source_error(name: &Arc<str>, cause: SourceError) -> Error {
    Error::Source { source: name.to_string(), cause: Arc::from(cause) }
}

fn tell(around: &Surroundings, source: &Arc<str>, kind: &'static str, cause: &SourceError) {
    around.bus.post(|| {
        ListenerEvent::Source(SourceEvent { source: Arc::clone(source), kind, detail: cause.to_string() })
    });
}
