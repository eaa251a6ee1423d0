//! The word count as a stream in a running context, whose clock the benchmark moves: a batch is made of the blocks that
//! were offered, and its result comes back over a channel.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use batchmill::{
    Batch, BatchContext, BatchTime, Block, Error, InputDStream, ManualClock, PlanLimits, RunningContext,
    SourceError, StreamingContext, Text,
};
use crossbeam_channel as channel;

const INTERVAL: Duration = Duration::from_secs(1);

type Offered = Arc<Mutex<Vec<Block<Text>>>>;

pub(crate) struct Streamed {
    offered: Offered,
    clock: Arc<ManualClock>,
    results: channel::Receiver<Vec<(Text, u64)>>,
    _running: RunningContext,
}

impl Streamed {
    pub(crate) fn start(threads: usize) -> Self {
        let (offered, clock) = (Offered::default(), Arc::new(ManualClock::new()));
        let (result, results) = channel::bounded(1);
        let ssc = StreamingContext::builder()
            .batch_interval(INTERVAL)
            .workers(threads)
            .clock(Arc::clone(&clock) as _)
            .build()
            .expect("the settings are valid");
        ssc.input_stream(Blocks(Arc::clone(&offered)))
            .flat_map(|line: Text| line.split(' '))
            .map(|word| (word, 1_u64))
            .reduce_by_key(|a, b| a + b)
            .for_each_batch(move |batch| {
                result.send(batch.into_vec()?).expect("the benchmark waits for it");
                Ok::<(), Error>(())
            });
        let _running = ssc.start().expect("nothing can fail to start");
        Self { offered, clock, results, _running }
    }

    /// What the next batch will hold.
    pub(crate) fn offer(&self, blocks: Vec<Block<Text>>) {
        *self.offered.lock().expect("nobody panics") = blocks;
    }

    /// From the tick to the result.
    pub(crate) fn run_batch(&self) -> Vec<(Text, u64)> {
        self.clock.advance(INTERVAL);
        self.results.recv().expect("the context runs")
    }
}

struct Blocks(Offered);

impl InputDStream<Text> for Blocks {
    type Plan = Vec<Block<Text>>;

    fn name(&self) -> String {
        "blocks".to_owned()
    }

    fn plan(&mut self, _: BatchTime, _: &PlanLimits) -> Result<Self::Plan, SourceError> {
        Ok(std::mem::take(&mut *self.0.lock().expect("nobody panics")))
    }

    fn batch(&mut self, plan: &Self::Plan, context: &BatchContext) -> Result<Batch<Text>, SourceError> {
        Ok(context.from_blocks(plan.clone()))
    }
}
