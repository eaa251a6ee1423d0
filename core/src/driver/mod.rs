//! The two drivers of the engine: [`threads`] for running programs, [`stepped`] for tests. Both perform the same
//! actions with the same parts; they differ in who does so and when.

mod cutter;
mod generator;
mod job_runner;
pub(crate) mod stepped;
pub(crate) mod threads;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use cutter::Cutter;
use generator::Generator;
use job_runner::JobRunner;

use crate::batch::BatchContext;
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::{Engine, EngineConfig};
use crate::error::Error;
use crate::executor::Executor;
use crate::graph::{GraphBuilder, InputSource, Reruns};
use crate::input::PlanLimits;
use crate::listener::ListenerBus;
use crate::stop::GivenUp;

/// A context cut into the parts that its threads own.
struct Parts {
    engine: Engine,
    cutter: Cutter,
    generator: Generator,
    jobs: JobRunner,
    given_up: GivenUp,
}

/// What several parts look at.
#[derive(Clone)]
struct Surroundings {
    clock: Arc<dyn Clock>,
    bus: Arc<ListenerBus>,
    /// The names of the inputs.
    names: Arc<[Arc<str>]>,
    /// The threads that inputs have given up.
    given_up: GivenUp,
}

impl Parts {
    /// Checks the graph and cuts the context into parts. Tasks will run on `executor`.
    fn new(
        config: &Config,
        graph: GraphBuilder,
        bus: &Arc<ListenerBus>,
        executor: Arc<dyn Executor>,
        hash_seed: Option<u64>,
    ) -> Result<Self, Error> {
        let (graph, inputs) = graph.build(Reruns::under(config.error_policy))?;
        let mut context = BatchContext::new(executor);
        if let Some(seed) = hash_seed {
            context = context.with_hash_seed(seed);
        }
        if let Some(partitions) = config.default_partitions {
            context = context.with_partitions(partitions);
        }
        let surroundings = Surroundings {
            clock: Arc::clone(&config.clock),
            bus: Arc::clone(bus),
            names: inputs.iter().map(InputSource::name).collect(),
            given_up: GivenUp::default(),
        };
        let engine = Engine::new(engine_config(config, &inputs, graph.output_count()));
        let limits =
            PlanLimits { batch_interval: config.batch_interval, bytes: config.max_unprocessed_bytes as u64 };
        let mut cutter = Cutter::new(context, surroundings.clone());
        let mut generator = Generator::new(limits, surroundings.clone());
        for (input, source) in inputs.into_iter().enumerate() {
            match source {
                InputSource::Receiver(receiver) => cutter.add_receiver(input, receiver),
                InputSource::Inline(inline) => cutter.add_inline(input, inline),
                InputSource::Blocking(blocking) => generator.add(input, blocking),
            }
        }
        let given_up = surroundings.given_up.clone();
        Ok(Self { engine, cutter, generator, jobs: JobRunner::new(graph, surroundings), given_up })
    }
}

fn engine_config(config: &Config, inputs: &[InputSource], outputs: usize) -> EngineConfig {
    EngineConfig {
        batch_interval: config.batch_interval,
        block_interval: config.block_interval,
        max_pending: config.max_pending_batches,
        missed_ticks: config.missed_ticks,
        policy: config.error_policy,
        receiver_backoff: config.receiver_backoff,
        receiver_max_restarts: config.receiver_max_restarts,
        jitter_seed: RandomState::new().hash_one(inputs.len()),
        inputs: inputs.iter().map(InputSource::class).collect(),
        outputs,
    }
}
