//! The jobs of batches: one output of one batch each, built and run on the job thread.

use super::Surroundings;
use crate::batch::fault::{at, guarded};
use crate::engine::{BatchSeq, OutputId};
use crate::error::Error;
use crate::graph::{BatchData, Graph, Memo};
use crate::listener::{ListenerEvent, OutputInfo};

pub(super) struct JobRunner {
    graph: Graph,
    /// What is kept of the batch whose jobs are running.
    memo: Memo,
    memo_of: Option<BatchSeq>,
    surroundings: Surroundings,
}

impl JobRunner {
    pub(super) fn new(graph: Graph, surroundings: Surroundings) -> Self {
        Self { graph, memo: Memo::default(), memo_of: None, surroundings }
    }

    /// Runs one job for the n-th time.
    pub(super) fn run(&mut self, data: &BatchData, output: OutputId, attempt: u32) -> Result<(), Error> {
        let around = &self.surroundings;
        let begin = around.clock.mono();
        if self.memo_of.replace(data.seq) != Some(data.seq) {
            self.memo = Memo::default();
        }
        let site = self.graph.output(output).site;
        let info = |duration, failure: Option<&Error>| OutputInfo {
            time: data.time(),
            output,
            name: site.operator,
            attempt,
            duration,
            failure: failure.map(ToString::to_string),
        };
        if data.start(begin) {
            data.announce(&around.bus, &around.names);
            around.bus.post(|| ListenerEvent::BatchStarted(data.info(&around.names, None)));
        }
        around.bus.post(|| ListenerEvent::OutputStarted(info(None, None)));
        let (graph, memo) = (&self.graph, &mut self.memo);
        let job = || {
            let result = graph.run_output(output, data, memo);
            if result.is_ok() && output + 1 == graph.output_count() {
                // Frees the records before the batch is said to be done; their destructors are user code.
                *memo = Memo::default();
                data.clear();
            }
            Ok(result)
        };
        let result = guarded(|| at(site, job))
            .map_err(|fault| Error::Task(fault.into_error(data.time(), None)))
            .and_then(|result| result);
        let end = around.clock.mono();
        data.end(end);
        let duration = end - begin;
        around.bus.post(|| ListenerEvent::OutputCompleted(info(Some(duration), result.as_ref().err())));
        if let Err(error) = &result {
            log::error!("run {attempt} of output {output} ({site}): {error}");
        }
        result
    }

    /// Drops what a batch that did not run to its end still holds.
    pub(super) fn discard(&mut self, data: &BatchData) {
        let memo = std::mem::take(&mut self.memo);
        let dropped = guarded(|| {
            drop(memo);
            data.clear();
            Ok(())
        });
        if let Err(fault) = dropped {
            log::error!("dropping records: {}", fault.into_error(data.time(), None));
        }
    }
}
