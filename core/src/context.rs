//! [`StreamingContext`]: where streams are made, before anything runs.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel as channel;
use parking_lot::Mutex;

use crate::builder::StreamingContextBuilder;
use crate::clock::ManualClock;
use crate::config::Config;
use crate::driver::{stepped, threads};
use crate::error::{BuildError, Error, Site};
use crate::graph::{BlockingSource, GraphBuilder, InputSource, NodeId, ReceiverInput};
use crate::input::{ConstantInput, InputDStream, QueueHandle, QueueInput, QueueMode};
use crate::listener::ListenerBus;
use crate::receiver::{
    BlockQueue, BlockQueueSettings, ChannelReceiver, RateLimiter, Receiver, ReceiverHandle, StopSignal,
    tell_of_wait,
};
use crate::stop::{Control, StopHandle};
use crate::{Batch, BatchContext, DStream, Data, RunningContext, SteppedContext};

/// Makes streams and starts them.
///
/// Streams borrow the context, and [`start`](Self::start) consumes it: what is built after the start, or started
/// twice, does not compile.
///
/// ```
/// use std::time::Duration;
/// use batchmill::StreamingContext;
///
/// let ssc = StreamingContext::new(Duration::from_secs(1))?;
/// let (queue, numbers) = ssc.queue_stream();
/// let squares = numbers.map(|n: u32| n * n).collect();
///
/// let mut test = ssc.start_stepped()?;
/// queue.push([1, 2, 3]);
/// test.step_batch()?;
/// assert_eq!(squares.take_all(), [1, 4, 9]);
/// # Ok::<(), batchmill::Error>(())
/// ```
pub struct StreamingContext {
    config: Config,
    graph: RefCell<GraphBuilder>,
    bus: Arc<ListenerBus>,
    control: Arc<Control>,
}

impl StreamingContext {
    /// A context with default settings and the given time between batches: whole milliseconds, from 1 ms to a day.
    ///
    /// # Errors
    /// [`Error::Config`] if the interval is not valid.
    pub fn new(batch_interval: Duration) -> Result<Self, Error> {
        Self::builder().batch_interval(batch_interval).build()
    }

    /// All settings.
    pub fn builder() -> StreamingContextBuilder {
        StreamingContextBuilder::new()
    }

    pub(crate) fn from_config(config: Config) -> Self {
        let bus = Arc::new(ListenerBus::new(config.listeners.clone()));
        Self { config, graph: RefCell::default(), bus, control: Arc::new(Control::new()) }
    }

    /// The time between two batches.
    pub fn batch_interval(&self) -> Duration {
        self.config.batch_interval
    }

    /// Asks for the stop of this context, from any thread, before or after the start.
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle::new(Arc::clone(&self.control))
    }

    /// A stream of what `receiver` stores.
    #[doc(alias = "receiverStream")]
    #[track_caller]
    pub fn receiver_stream<T: Data, R: Receiver<T>>(&self, receiver: R) -> DStream<'_, T> {
        self.add_receiver(Site::here("receiver_stream"), receiver)
    }

    fn add_receiver<T: Data, R: Receiver<T>>(&self, site: Site, receiver: R) -> DStream<'_, T> {
        let config = &self.config;
        let settings =
            BlockQueueSettings { block_bytes: config.block_bytes, budget: config.max_unprocessed_bytes };
        let rate = config.receiver_max_rate.map(|rate| RateLimiter::new(rate, config.clock.mono()));
        let name: Arc<str> = Arc::from(receiver.name());
        let signal = StopSignal::new();
        let hint = format!(
            "max_unprocessed_bytes ({} bytes) are stored and not yet processed; raise it, or shorten \
             batch_interval ({:?}), if the source should go faster",
            config.max_unprocessed_bytes, config.batch_interval
        );
        let on_wait = tell_of_wait(Arc::clone(&name), Arc::clone(&self.bus), hint);
        let queue = Arc::new(BlockQueue::new(settings, rate, on_wait));
        let node = self.graph.borrow_mut().add_input::<T>(site, |input| {
            let handle = ReceiverHandle::new(
                Arc::clone(&queue),
                input,
                Arc::clone(&name),
                signal.clone(),
                Arc::clone(&config.clock),
                Arc::clone(&self.bus),
                config.receiver_max_rate,
            );
            let receiver = Mutex::new(Some(Box::new(receiver) as Box<dyn Receiver<T>>));
            InputSource::Receiver(Arc::new(ReceiverInput { name, queue, handle, signal, receiver }))
        });
        DStream::new(self, node)
    }

    /// A stream of what `input` plans for every batch.
    #[track_caller]
    pub fn input_stream<T: Data, I: InputDStream<T>>(&self, input: I) -> DStream<'_, T> {
        let source = BlockingSource { input, records: std::marker::PhantomData };
        let site = Site::here("input_stream");
        let node = self.graph.borrow_mut().add_input::<T>(site, |_| InputSource::Blocking(Box::new(source)));
        DStream::new(self, node)
    }

    /// A stream of the datasets pushed into the handle, one a batch; an empty batch when none waits.
    #[doc(alias = "queueStream")]
    #[track_caller]
    pub fn queue_stream<T: Data>(&self) -> (QueueHandle<T>, DStream<'_, T>) {
        self.add_queue(Site::here("queue_stream"), QueueMode::default(), None)
    }

    /// A queue stream that takes one or all waiting datasets a batch, and `default` when none waits.
    #[track_caller]
    pub fn queue_stream_with<T: Data>(
        &self,
        mode: QueueMode,
        default: Option<Vec<T>>,
    ) -> (QueueHandle<T>, DStream<'_, T>) {
        self.add_queue(Site::here("queue_stream_with"), mode, default)
    }

    fn add_queue<T: Data>(
        &self,
        site: Site,
        mode: QueueMode,
        default: Option<Vec<T>>,
    ) -> (QueueHandle<T>, DStream<'_, T>) {
        let (handle, input) = QueueInput::new(mode, default);
        let node = self.graph.borrow_mut().add_input::<T>(site, |_| InputSource::Inline(Box::new(input)));
        (handle, DStream::new(self, node))
    }

    /// A stream with the same records in every batch.
    #[doc(alias = "ConstantInputDStream")]
    #[track_caller]
    pub fn constant_stream<T: Data>(&self, items: Vec<T>) -> DStream<'_, T> {
        let (site, input) = (Site::here("constant_stream"), ConstantInput::new(items));
        let node = self.graph.borrow_mut().add_input::<T>(site, |_| InputSource::Inline(Box::new(input)));
        DStream::new(self, node)
    }

    /// A stream of what comes out of a crossbeam channel. A thread of the context moves it into blocks as it comes,
    /// so the channel's capacity does not limit a batch. The stream ends when the channel is disconnected.
    #[track_caller]
    pub fn channel_stream<T: Data>(&self, records: channel::Receiver<T>) -> DStream<'_, T> {
        self.add_receiver(Site::here("channel_stream"), ChannelReceiver::new(records))
    }

    /// The records of all `streams`, the partitions of the first stream first.
    #[track_caller]
    pub fn union<'c, T: Data>(&'c self, streams: &[DStream<'c, T>]) -> DStream<'c, T> {
        let site = Site::here("union");
        let nodes = self.nodes_of(site, streams);
        self.add_stream(site, nodes.clone(), move |run| {
            let batches = nodes.iter().map(|node| run.stream(*node)).collect::<Result<Vec<_>, _>>()?;
            Ok(run.context().union(batches))
        })
    }

    /// What `f` makes of the batches of all `streams`, which it gets in their order. It runs on the job thread when
    /// the batch's turn comes.
    #[track_caller]
    pub fn transform<'c, T: Data, U: Data>(
        &'c self,
        streams: &[DStream<'c, T>],
        f: impl Fn(Vec<Batch<T>>) -> Batch<U> + Send + Sync + 'static,
    ) -> DStream<'c, U> {
        let site = Site::here("transform");
        let nodes = self.nodes_of(site, streams);
        self.add_stream(site, nodes.clone(), move |run| {
            let batches = nodes.iter().map(|node| run.stream(*node)).collect::<Result<Vec<_>, _>>()?;
            let noted = |sources: BatchContext, batch: &Batch<T>| sources.with_notes_of(batch.context());
            let sources = batches.iter().fold(run.context().clone(), noted);
            Ok(crate::batch::fault::at(site, || f(batches)).noted(&sources))
        })
    }

    /// Notes a mistake in the arguments of `operator`, for connectors: [`start`](Self::start) will return it with
    /// the caller's line.
    #[track_caller]
    pub fn invalid_argument(&self, operator: &'static str, reason: impl Into<String>) {
        let site = Site::here(operator);
        self.add_error(BuildError::InvalidArgument { site, reason: reason.into() });
    }

    /// Checks the graph, starts the inputs and the timer. It waits for the `start` of every input that plans its
    /// batches ([`InputDStream`]), and for nothing else.
    ///
    /// # Errors
    /// [`Error::Build`] with all mistakes in the graph, [`Error::Source`] if an input cannot start,
    /// [`Error::Thread`] if a thread cannot be started. Nothing is left running.
    pub fn start(self) -> Result<RunningContext, Error> {
        let config = Arc::new(self.config);
        let running = threads::start(&config, self.graph.into_inner(), self.bus, self.control)?;
        Ok(RunningContext::new(config, running))
    }

    /// Starts for a test: nothing runs but what [`SteppedContext`] is told to run, on the calling thread. Its clock
    /// stands at the Unix epoch.
    ///
    /// # Errors
    /// As [`start`](Self::start); also [`Error::Config`] if a receiver is among the inputs, for it needs a thread.
    pub fn start_stepped(self) -> Result<SteppedContext, Error> {
        self.start_stepped_at(Arc::new(ManualClock::new()))
    }

    /// As [`start_stepped`](Self::start_stepped), with a clock of the caller's.
    ///
    /// # Errors
    /// As [`start_stepped`](Self::start_stepped).
    pub fn start_stepped_at(self, clock: Arc<ManualClock>) -> Result<SteppedContext, Error> {
        stepped::start(self.config, clock, self.graph.into_inner(), self.bus, self.control)
    }

    pub(crate) fn add_error(&self, error: BuildError) {
        self.graph.borrow_mut().add_error(error);
    }

    pub(crate) fn add_stream<'c, T: Data>(
        &'c self,
        site: Site,
        parents: Vec<NodeId>,
        compute: impl Fn(&mut crate::graph::BatchRun<'_>) -> Result<Batch<T>, Error> + Send + Sync + 'static,
    ) -> DStream<'c, T> {
        DStream::new(self, self.graph.borrow_mut().add_stream(site, parents, compute))
    }

    pub(crate) fn add_split(&self, site: Site, parent: NodeId) -> NodeId {
        self.graph.borrow_mut().add_split(site, parent)
    }

    pub(crate) fn add_output(
        &self,
        site: Site,
        parent: NodeId,
        run: impl Fn(&mut crate::graph::BatchRun<'_>) -> Result<(), Error> + Send + Sync + 'static,
    ) {
        self.graph.borrow_mut().add_output(site, vec![parent], run);
    }

    /// The nodes of streams that an operator combines; a mistake is noted.
    fn nodes_of<T: Data>(&self, site: Site, streams: &[DStream<'_, T>]) -> Vec<NodeId> {
        if streams.is_empty() {
            self.add_error(BuildError::NoStreams { site });
        }
        if streams.iter().any(|stream| !stream.belongs_to(self)) {
            self.add_error(BuildError::ForeignStream { site });
            return Vec::new();
        }
        streams.iter().map(DStream::node).collect()
    }
}

impl std::fmt::Debug for StreamingContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamingContext").field("config", &self.config).finish_non_exhaustive()
    }
}
