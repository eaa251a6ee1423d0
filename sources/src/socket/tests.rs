//! Socket streams against the fake line server, on the thread driver. Every wait is for an event, with a deadline.

mod faults;
mod kinds;
mod lines;
mod stop;

use std::sync::Arc;
use std::time::Duration;

use batchmill::{
    Collected, Data, ReceiverInfo, SourceEvent, StreamingContext, StreamingContextBuilder, StreamingListener,
};
use crossbeam_channel as channel;

/// Longer than anything takes on a busy machine; reached only by a test that fails.
const WAIT: Duration = Duration::from_secs(60);

/// Short batches, and receivers that try again at once.
fn quick() -> StreamingContextBuilder {
    let pause = Duration::from_millis(1);
    StreamingContext::builder().batch_interval(Duration::from_millis(5)).receiver_backoff(pause, pause)
}

/// Takes batches until they have had so many records, which are all there are then.
fn take<T: Data>(collected: &Collected<T>, records: usize) -> Vec<T> {
    let late = channel::after(WAIT);
    let mut taken = Vec::new();
    while taken.len() < records {
        assert!(late.try_recv().is_err(), "{} of {records} records came", taken.len());
        taken.extend(collected.take_timeout(WAIT).into_iter().flat_map(|(_, records)| records));
    }
    taken
}

/// What a listener was told of receivers.
#[derive(Clone, Debug)]
enum Told {
    Error(ReceiverInfo),
    Event(SourceEvent),
}

#[derive(Debug)]
struct Listener(channel::Sender<Told>);

impl StreamingListener for Listener {
    fn receiver_error(&self, info: &ReceiverInfo) {
        self.0.send(Told::Error(info.clone())).ok();
    }

    fn source_event(&self, event: &SourceEvent) {
        self.0.send(Told::Event(event.clone())).ok();
    }
}

/// What the listener of a context was told, to wait for.
#[derive(Debug)]
struct News(channel::Receiver<Told>);

impl News {
    fn of(builder: StreamingContextBuilder) -> (Self, StreamingContextBuilder) {
        let (sender, receiver) = channel::unbounded();
        (Self(receiver), builder.listener(Arc::new(Listener(sender))))
    }

    /// Waits for an event of this kind and gives its detail.
    fn event(&self, kind: &str) -> String {
        self.find(kind, |told| match told {
            Told::Event(event) if event.kind == kind => Some(event.detail),
            Told::Event(_) | Told::Error(_) => None,
        })
    }

    /// Waits for an error of a receiver that says this.
    fn error(&self, says: &str) -> ReceiverInfo {
        self.find(says, |told| match told {
            Told::Error(info) if info.last_error.as_ref().is_some_and(|error| error.contains(says)) => {
                Some(info)
            }
            Told::Event(_) | Told::Error(_) => None,
        })
    }

    fn find<R>(&self, what: &str, pick: impl Fn(Told) -> Option<R>) -> R {
        let late = channel::after(WAIT);
        let mut others = Vec::new();
        loop {
            channel::select! {
                recv(self.0) -> told => {
                    let told = told.expect("the context holds the listener");
                    match pick(told.clone()) {
                        Some(found) => return found,
                        None => others.push(told),
                    }
                }
                recv(late) -> _ => panic!("not told of {what:?}, but of {others:?}"),
            }
        }
    }
}
