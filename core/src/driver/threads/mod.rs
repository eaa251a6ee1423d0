//! The thread driver: one thread for the engine and its timer, one for jobs, one for blocking inputs, one for each
//! receiver. They talk over bounded channels; the engine's thread never blocks on a send.

mod engine_thread;
mod workers;

use std::sync::Arc;

use crossbeam_channel as channel;
use engine_thread::EngineThread;
use parking_lot::Mutex;
use workers::{Ask, Job, Report};

use super::Parts;
use crate::BatchTime;
use crate::clock::RealDeadline;
use crate::config::Config;
use crate::engine::InputClass;
use crate::error::Error;
use crate::executor::Executor;
use crate::graph::GraphBuilder;
use crate::listener::ListenerBus;
use crate::stop::{Control, Ended, StopReport};
use crate::thread::{ContextId, NamedThread};

/// The threads of a running context, for joining. Receivers' threads are added as they are started.
pub(crate) type ThreadList = Arc<Mutex<Vec<NamedThread>>>;

/// A context's threads, running.
pub(crate) struct Running {
    pub(crate) id: ContextId,
    pub(crate) control: Arc<Control>,
    pub(crate) bus: Arc<ListenerBus>,
    pub(crate) first_batch: BatchTime,
    threads: ThreadList,
    #[cfg(feature = "rayon")]
    pool: Option<crate::executor::RayonPool>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Starts everything and waits until the inputs are started.
pub(crate) fn start(
    config: &Arc<Config>,
    graph: GraphBuilder,
    bus: Arc<ListenerBus>,
    control: Arc<Control>,
) -> Result<Running, Error> {
    let id = ContextId::next();
    let mut running = Running {
        id,
        control: Arc::clone(&control),
        bus: Arc::clone(&bus),
        first_batch: BatchTime::default(),
        threads: ThreadList::default(),
        #[cfg(feature = "rayon")]
        pool: None,
    };
    let spawned = running.executor(config).and_then(|executor| {
        let parts = Parts::new(config, graph, &bus, executor, config.hash_seed)?;
        running.spawn_all(config, parts)
    });
    if let Err(error) = spawned {
        // The threads that were started end with their mailboxes.
        control.set_ended(Ended { error: Some(error.clone()), ..Ended::default() });
        bus.close();
        running.join(RealDeadline::after(config.drop_deadline));
        return Err(error);
    }
    match control.wait_started() {
        Ok(first_batch) => {
            running.first_batch = first_batch;
            Ok(running)
        }
        Err(ended) => {
            running.join(RealDeadline::after(config.stop_deadline));
            Err(ended.error.unwrap_or(Error::Stopped))
        }
    }
}

impl Running {
    /// The host's executor, or a pool of the context's own, or none where one worker is enough.
    fn executor(&mut self, config: &Config) -> Result<Arc<dyn Executor>, Error> {
        if let Some(executor) = &config.executor {
            return Ok(Arc::clone(executor));
        }
        #[cfg(feature = "rayon")]
        if config.workers > 1 {
            let pool = crate::executor::RayonPool::start(self.id, &config.name, config.workers)?;
            return Ok(self.pool.insert(pool).executor());
        }
        Ok(Arc::new(crate::executor::SequentialExecutor))
    }

    fn spawn_all(&self, config: &Arc<Config>, parts: Parts) -> Result<(), Error> {
        // Every answer that can be under way at once, and one to spare: nobody ever waits to report.
        let under_way = parts.engine.input_count() + config.max_pending_batches + 4;
        let (messages, mailbox) = channel::bounded(under_way);
        let report = Report::new(messages, Arc::clone(&self.control));
        let (jobs, job_mailbox) = channel::bounded::<Job>(config.max_pending_batches + 4);
        let (asks, ask_mailbox) = channel::bounded::<Ask>(2 * config.max_pending_batches + 8);
        let Parts { engine, cutter, generator, jobs: runner, given_up } = parts;

        let bus = Arc::clone(&self.bus);
        let events = bus.open_queue();
        self.spawn(config, "listener", move || bus.run(&events))?;
        let to_engine = report.clone();
        self.spawn(config, "job", move || workers::run_jobs(runner, &job_mailbox, &to_engine))?;
        if engine.has_inputs(InputClass::Blocking) {
            let to_engine = report.clone();
            let generate = move || workers::run_generator(generator, &ask_mailbox, &to_engine);
            self.spawn(config, "generate", generate)?;
        }
        let engine = EngineThread {
            id: self.id,
            config: Arc::clone(config),
            engine,
            cutter,
            mailbox,
            report,
            jobs: Some(jobs),
            asks: Some(asks),
            threads: Arc::clone(&self.threads),
            control: Arc::clone(&self.control),
            bus: Arc::clone(&self.bus),
            last_error: None,
            fatal: None,
            left_undone: StopReport::default(),
            given_up,
            stop_within: None,
        };
        self.spawn(config, "timer", move || engine.run())
    }

    fn spawn(&self, config: &Config, role: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let thread = NamedThread::spawn(self.id, format!("{}-{role}", config.name), work)?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Waits for the end of every thread; those that have not ended by the deadline are named.
    pub(crate) fn join(&mut self, deadline: RealDeadline) -> Vec<String> {
        let threads = std::mem::take(&mut *self.threads.lock()).into_iter();
        #[cfg(feature = "rayon")]
        let threads =
            threads.chain(self.pool.take().into_iter().flat_map(crate::executor::RayonPool::shutdown));
        let late: Vec<String> = threads.filter_map(|thread| thread.join_by(deadline).err()).collect();
        for name in &late {
            log::error!("thread {name} has not come back by the deadline and is abandoned");
        }
        late
    }
}
