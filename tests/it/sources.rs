//! Receivers and inputs as a stranger would write them, for the scenarios of all themes: public API only.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use batchmill::{
    Batch, BatchContext, BatchTime, InputDStream, InputHandle, ManualClock, Outcome, PlanLimits, PlanSize,
    Receiver, ReceiverHandle, SourceError, StreamingContext, StreamingContextBuilder,
};
use batchmill_tests::{DEADLINE, Gate};

/// A receiver made of a function.
pub(crate) struct FnReceiver<F>(pub(crate) &'static str, pub(crate) F);

impl<T, F> Receiver<T> for FnReceiver<F>
where
    T: batchmill::Data,
    F: FnMut(&ReceiverHandle<T>) -> Result<(), SourceError> + Send + 'static,
{
    fn name(&self) -> String {
        self.0.to_owned()
    }

    fn run(&mut self, handle: &ReceiverHandle<T>) -> Result<(), SourceError> {
        (self.1)(handle)
    }
}

/// A receiver that receives nothing and waits for the stop.
pub(crate) fn idle<T: batchmill::Data>() -> impl Receiver<T> {
    FnReceiver("idle", |handle: &ReceiverHandle<T>| {
        let _ = handle.stopped().recv();
        Ok(())
    })
}

/// A receiver that stores 0, 1, 2, ... as fast as it can until the stop, and counts what was stored.
pub(crate) fn counting(stored: Arc<AtomicU64>) -> impl Receiver<u64> {
    FnReceiver("counting", move |handle: &ReceiverHandle<u64>| {
        loop {
            handle.store(stored.load(Ordering::Relaxed))?;
            stored.fetch_add(1, Ordering::Relaxed);
        }
    })
}

/// A receiver that stores `items`, opens the gate's other side by coming to it, and waits for the stop.
pub(crate) fn stores_then_waits<T: batchmill::Data>(items: Vec<T>, stored: Gate) -> impl Receiver<T> {
    stored.open();
    FnReceiver("stores", move |handle: &ReceiverHandle<T>| {
        for item in items.clone() {
            handle.store(item)?;
        }
        stored.pass();
        let _ = handle.stopped().recv();
        Ok(())
    })
}

/// A second a batch on a clock that only the test moves.
pub(crate) fn manual() -> (Arc<ManualClock>, StreamingContextBuilder) {
    let clock = Arc::new(ManualClock::new());
    let builder =
        StreamingContext::builder().batch_interval(Duration::from_secs(1)).clock(Arc::clone(&clock) as _);
    (clock, builder)
}

/// A receiver that does what it is sent, one request after another, and says when each is done.
pub(crate) struct Remote<T> {
    pub(crate) requests: crossbeam_channel::Sender<Request<T>>,
    pub(crate) done: mpsc::Receiver<()>,
}

type Request<T> = Box<dyn FnOnce(&ReceiverHandle<T>) + Send>;

impl<T: batchmill::Data> Remote<T> {
    pub(crate) fn new() -> (Self, impl Receiver<T>) {
        let (requests, to_do) = crossbeam_channel::unbounded::<Request<T>>();
        let (tell, done) = mpsc::channel();
        let receiver = FnReceiver("remote", move |handle: &ReceiverHandle<T>| {
            loop {
                crossbeam_channel::select! {
                    recv(to_do) -> request => match request {
                        Ok(request) => request(handle),
                        Err(_) => return Ok(()),
                    },
                    recv(handle.stopped()) -> _ => return Ok(()),
                }
                // The test may be over.
                let _ = tell.send(());
            }
        });
        (Self { requests, done }, receiver)
    }

    /// Waits until it is done.
    pub(crate) fn run(&self, request: impl FnOnce(&ReceiverHandle<T>) + Send + 'static) {
        self.start(request);
        self.done.recv_timeout(DEADLINE).unwrap();
    }

    pub(crate) fn start(&self, request: impl FnOnce(&ReceiverHandle<T>) + Send + 'static) {
        self.requests.send(Box::new(request)).unwrap();
    }

    pub(crate) fn store(&self, items: impl IntoIterator<Item = T> + Send + 'static) {
        self.run(move |handle| items.into_iter().for_each(|item| handle.store(item).unwrap()));
    }
}

/// What an input of [`Numbers`] was asked, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Started,
    Planned(BatchTime),
    Completed(BatchTime, std::ops::Range<u64>, Outcome),
    Stopped,
}

/// A pull source: every batch holds the next `per_batch` numbers, in partitions of one. A range that did not succeed
/// is not offered again.
pub(crate) struct Numbers {
    pub(crate) next: u64,
    pub(crate) per_batch: u64,
    pub(crate) asked: crossbeam_channel::Sender<Asked>,
    /// What planning does beyond counting: fail, wait.
    pub(crate) on_plan: Box<dyn FnMut() -> Result<(), SourceError> + Send>,
}

impl Numbers {
    pub(crate) fn new(per_batch: u64) -> (Self, crossbeam_channel::Receiver<Asked>) {
        let (asked, answers) = crossbeam_channel::unbounded();
        (Self { next: 0, per_batch, asked, on_plan: Box::new(|| Ok(())) }, answers)
    }

    fn note(&self, asked: Asked) {
        // The test may have looked enough.
        let _ = self.asked.send(asked);
    }
}

impl InputDStream<u64> for Numbers {
    type Plan = std::ops::Range<u64>;

    fn name(&self) -> String {
        "numbers".to_owned()
    }

    fn start(&mut self, handle: &InputHandle) -> Result<(), SourceError> {
        handle.source_event("numbers_started", "from 0");
        self.note(Asked::Started);
        Ok(())
    }

    fn plan(&mut self, time: BatchTime, _: &PlanLimits) -> Result<Self::Plan, SourceError> {
        self.note(Asked::Planned(time));
        (self.on_plan)()?;
        let plan = self.next..self.next + self.per_batch;
        self.next = plan.end;
        Ok(plan)
    }

    fn batch(&mut self, plan: &Self::Plan, ctx: &BatchContext) -> Result<Batch<u64>, SourceError> {
        let plan = plan.clone();
        let partitions = usize::try_from(plan.end - plan.start)?;
        Ok(ctx.read_partitions(partitions, move |partition| {
            Ok(std::iter::once(Ok(plan.start + partition as u64)))
        }))
    }

    fn size(&self, plan: &Self::Plan) -> PlanSize {
        PlanSize { records: Some(plan.end - plan.start), bytes: Some(8 * (plan.end - plan.start)) }
    }

    fn completed(&mut self, time: BatchTime, plan: &Self::Plan, outcome: Outcome) -> Result<(), SourceError> {
        self.note(Asked::Completed(time, plan.clone(), outcome));
        Ok(())
    }

    fn stop(&mut self) {
        self.note(Asked::Stopped);
    }
}
