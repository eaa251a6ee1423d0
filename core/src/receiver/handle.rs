//! What a receiver is given: [`ReceiverHandle`], its way to store records and to hear of the stop; and what the
//! driver keeps of it: [`ReceiverControl`].

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel as channel;
use parking_lot::Mutex;

use super::block_queue::{OnWait, Refused};
use super::{BlockContents, BlockId, BlockQueue, CompletedBlocks};
use crate::block::BlockDecoder;
use crate::clock::{Clock, RealDeadline};
use crate::error::SourceError;
use crate::listener::{ListenerBus, ListenerEvent, ReceiverInfo, SourceEvent};

/// The context is stopping: nothing more can be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the context is stopping")
    }
}

impl std::error::Error for Stopped {}

impl From<Refused> for Stopped {
    fn from(_: Refused) -> Self {
        Self
    }
}

/// A receiver's way into its stream. Cloneable, for receivers that use threads of their own.
///
/// Everything that is stored through one thread keeps its order. `store` waits when `max_unprocessed_bytes` are
/// stored and not yet processed, or when the rate limit is reached; a stop ends the wait with [`Stopped`].
pub struct ReceiverHandle<T> {
    queue: Arc<BlockQueue<T>>,
    shared: Arc<HandleShared>,
}

/// What a queue does when `store` begins to wait for its budget; `hint` names the settings that decide when it does.
pub(crate) fn tell_of_wait(name: Arc<str>, bus: Arc<ListenerBus>, hint: String) -> OnWait {
    Box::new(move |count| {
        if count == 1 {
            log::info!("receiver {name} waits: {hint}");
        }
        // Every wait is counted, but telling of each would crowd out other events.
        if count.is_power_of_two() {
            bus.post(|| {
                let detail = format!("wait {count}: {hint}");
                ListenerEvent::Source(SourceEvent { source: Arc::clone(&name), kind: "budget_wait", detail })
            });
        }
    })
}

/// What does not depend on the type of the records.
struct HandleShared {
    input: usize,
    name: Arc<str>,
    signal: StopSignal,
    clock: Arc<dyn Clock>,
    bus: Arc<ListenerBus>,
    max_rate: Option<u32>,
}

impl<T: 'static> ReceiverHandle<T> {
    pub(crate) fn new(
        queue: Arc<BlockQueue<T>>,
        input: usize,
        name: Arc<str>,
        signal: StopSignal,
        clock: Arc<dyn Clock>,
        bus: Arc<ListenerBus>,
        max_rate: Option<u32>,
    ) -> Self {
        let shared = HandleShared { input, name, signal, clock, bus, max_rate };
        Self { queue, shared: Arc::new(shared) }
    }

    /// Stores one record, counted as `size_of::<T>()` bytes of the budget.
    ///
    /// # Errors
    /// [`Stopped`] when the context is stopping.
    pub fn store(&self, item: T) -> Result<(), Stopped> {
        self.store_sized(item, size_of::<T>().max(1))
    }

    /// Stores one record that counts as `bytes` bytes of the budget; for records that own memory.
    ///
    /// # Errors
    /// [`Stopped`] when the context is stopping.
    pub fn store_sized(&self, item: T, bytes: usize) -> Result<(), Stopped> {
        self.wait_for_rate(1)?;
        Ok(self.queue.push_item(item, bytes)?)
    }

    /// Appends bytes that hold whole records to the open block; `decoder` turns them into records inside the
    /// tasks of the batch. Pass clones of one `Arc`: another decoder begins another block.
    ///
    /// # Errors
    /// [`Stopped`] when the context is stopping.
    pub fn store_bytes(&self, bytes: &[u8], decoder: &Arc<dyn BlockDecoder<T>>) -> Result<(), Stopped> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.shared.max_rate.is_some() {
            self.wait_for_rate(decoder.count(bytes).unwrap_or(1))?;
        }
        Ok(self.queue.push_bytes(bytes, decoder)?)
    }

    /// Stores a block as it is, after what was stored before it, and returns its id. Its records become one
    /// partition. Items count as `size_of::<T>()` bytes each.
    ///
    /// [`completed`](Self::completed) tells when the outputs of its batch are done.
    ///
    /// # Errors
    /// [`Stopped`] when the context is stopping.
    pub fn store_block(&self, contents: BlockContents<T>) -> Result<BlockId, Stopped> {
        let (records, bytes) = match &contents {
            BlockContents::Items(items) => (items.len() as u64, items.len() * size_of::<T>().max(1)),
            BlockContents::Bytes(bytes, decoder) => {
                let counted = self.shared.max_rate.and_then(|_| decoder.count(bytes));
                (counted.unwrap_or(1), bytes.len())
            }
        };
        self.wait_for_rate(records)?;
        Ok(self.queue.push_block(contents, bytes)?)
    }

    /// Waits until blocks are done with and returns them: each block once, in order. The end of the last batch of a
    /// context that stops, not the beginning of its stop, ends the wait.
    ///
    /// # Errors
    /// [`Stopped`] when the context stops, its last batch is done, and all were told.
    pub fn completed(&self) -> Result<CompletedBlocks, Stopped> {
        Ok(self
            .queue
            .wait_completed(None)?
            .expect("without a deadline the wait ends with blocks or an error"))
    }

    /// As [`completed`](Self::completed), without waiting.
    ///
    /// # Errors
    /// As [`completed`](Self::completed).
    pub fn try_completed(&self) -> Result<Option<CompletedBlocks>, Stopped> {
        self.completed_timeout(Duration::ZERO)
    }

    /// As [`completed`](Self::completed), waiting at most `timeout` of real time; `None` when it has passed.
    ///
    /// # Errors
    /// As [`completed`](Self::completed).
    pub fn completed_timeout(&self, timeout: Duration) -> Result<Option<CompletedBlocks>, Stopped> {
        Ok(self.queue.wait_completed(Some(RealDeadline::after(timeout)))?)
    }

    /// The most records a second that may be stored, if there is a limit. `store` and its siblings keep it by
    /// themselves; but what is given to one call passes as a whole and is waited for afterwards, so a receiver that
    /// stores many records at once keeps its pieces small by this.
    pub fn max_rate(&self) -> Option<u32> {
        self.shared.max_rate
    }

    /// Whether the context is stopping.
    pub fn is_stopped(&self) -> bool {
        self.queue.is_stopped()
    }

    /// Waits for `d` on the context's clock; a stop ends the wait early. Returns `false` when stopping.
    pub fn pause(&self, d: Duration) -> bool {
        let shared = &self.shared;
        if !self.is_stopped() {
            shared.clock.wait_until(Some(shared.clock.mono() + d), shared.signal.channel());
        }
        !self.is_stopped()
    }

    /// A channel that is disconnected when the context is stopping, to wait on together with others.
    pub fn stopped(&self) -> &channel::Receiver<()> {
        self.shared.signal.channel()
    }

    /// Registers a way out of a blocking call: `f` is run once, on a thread of the engine, when the context is
    /// stopping; at once if it is already. It is forgotten when this `run` returns.
    pub fn on_stop(&self, f: impl FnOnce() + Send + 'static) {
        self.shared.signal.on_stop(Box::new(f));
    }

    /// Reports an error that the receiver survives: it is logged and the listener is told.
    pub fn report_error(&self, error: &SourceError) {
        let shared = &self.shared;
        log::warn!("receiver {}: {error}", shared.name);
        shared.bus.post(|| {
            ListenerEvent::ReceiverError(ReceiverInfo {
                input: shared.input,
                name: Arc::clone(&shared.name),
                attempt: 1,
                last_error: Some(error.to_string()),
                restart_in: None,
            })
        });
    }

    /// Tells the listener of an event of the source's own. `kind` is `snake_case`.
    pub fn source_event(&self, kind: &'static str, detail: impl Into<String>) {
        let (shared, detail) = (&self.shared, detail.into());
        log::debug!("{}: {kind}: {detail}", shared.name);
        shared
            .bus
            .post(|| ListenerEvent::Source(SourceEvent { source: Arc::clone(&shared.name), kind, detail }));
    }

    fn wait_for_rate(&self, records: u64) -> Result<(), Stopped> {
        if self.shared.max_rate.is_none() {
            return Ok(());
        }
        let clock = &self.shared.clock;
        while let Err(until) = self.queue.take_rate(records, clock.mono()) {
            if self.is_stopped() {
                return Err(Stopped);
            }
            clock.wait_until(Some(until), self.shared.signal.channel());
        }
        Ok(())
    }
}

impl<T> Clone for ReceiverHandle<T> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue), shared: Arc::clone(&self.shared) }
    }
}

impl<T> std::fmt::Debug for ReceiverHandle<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiverHandle")
            .field("input", &self.shared.input)
            .field("name", &self.shared.name)
            .finish_non_exhaustive()
    }
}

/// The stop of one receiver: a channel that disconnects, and the ways out of blocking calls.
#[derive(Clone)]
pub(crate) struct StopSignal {
    channel: channel::Receiver<()>,
    state: Arc<Mutex<SignalState>>,
}

struct SignalState {
    /// Dropped at stop, which wakes everybody who waits on the channel.
    keep: Option<channel::Sender<()>>,
    hooks: Vec<Box<dyn FnOnce() + Send>>,
}

impl StopSignal {
    pub(crate) fn new() -> Self {
        let (keep, channel) = channel::bounded(0);
        let state = SignalState { keep: Some(keep), hooks: Vec::new() };
        Self { channel, state: Arc::new(Mutex::new(state)) }
    }

    fn channel(&self) -> &channel::Receiver<()> {
        &self.channel
    }

    fn on_stop(&self, hook: Box<dyn FnOnce() + Send>) {
        let mut state = self.state.lock();
        if state.keep.is_some() {
            state.hooks.push(hook);
        } else {
            drop(state);
            hook();
        }
    }

    /// Disconnects the channel and hands over the ways out, for the caller to run where user code may run.
    pub(crate) fn raise(&self) -> Vec<Box<dyn FnOnce() + Send>> {
        let mut state = self.state.lock();
        state.keep = None;
        std::mem::take(&mut state.hooks)
    }

    /// Forgets the ways out of a run that has returned.
    pub(crate) fn forget_hooks(&self) {
        let hooks = std::mem::take(&mut self.state.lock().hooks);
        drop(hooks);
    }
}

impl std::fmt::Debug for StopSignal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StopSignal").finish_non_exhaustive()
    }
}

/// What a receiver stored and no batch has taken.
pub(crate) struct Leftover {
    pub(crate) blocks: usize,
    pub(crate) bytes: usize,
    /// Drops the records when it is dropped, which must be where user code may run.
    _records: Box<dyn Send>,
}

/// What the driver does to a receiver's stream; the type of the records is erased.
pub(crate) trait ReceiverControl: Send + Sync {
    /// Seals the open block.
    fn seal(&self);
    /// How many blocks were begun since the context started.
    fn stored_blocks(&self) -> u64;
    /// Refuses further records and wakes whoever waits to store.
    fn stop(&self);
    /// Says that nothing will complete any more; what no batch has taken.
    fn close(&self) -> Leftover;
    /// Gives the bytes back to the budget and tells of the completed blocks.
    fn complete(&self, ids: std::ops::Range<u64>, bytes: usize, outcome: crate::Outcome);
}

impl<T: Send + Sync + 'static> ReceiverControl for BlockQueue<T> {
    fn seal(&self) {
        BlockQueue::seal(self);
    }

    fn stored_blocks(&self) -> u64 {
        BlockQueue::stored_blocks(self)
    }

    fn stop(&self) {
        BlockQueue::stop(self);
    }

    fn close(&self) -> Leftover {
        let left = BlockQueue::close(self);
        Leftover { blocks: left.blocks.len(), bytes: left.bytes, _records: Box::new(left.blocks) }
    }

    fn complete(&self, ids: std::ops::Range<u64>, bytes: usize, outcome: crate::Outcome) {
        BlockQueue::complete(self, ids, bytes, outcome);
    }
}
