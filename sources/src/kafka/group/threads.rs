//! The threads of one membership: started here, and joined at its end.

use std::io;
use std::sync::Arc;
use std::thread::{self, Builder, JoinHandle};

use crossbeam_channel as channel;
use parking_lot::{Condvar, Mutex};

use super::inbox::Inbox;
use crate::kafka::client::deadline::Deadline;

/// The threads.
#[derive(Debug, Default)]
pub(in crate::kafka) struct Threads {
    handles: Mutex<Vec<JoinHandle<()>>>,
    running: Arc<Running>,
}

#[derive(Debug, Default)]
struct Running {
    count: Mutex<usize>,
    ended: Condvar,
}

/// As long as it lives a thread runs.
struct Runs(Arc<Running>);

impl Drop for Runs {
    fn drop(&mut self) {
        *self.0.count.lock() -= 1;
        self.0.ended.notify_all();
    }
}

impl Threads {
    /// Starts one.
    pub(in crate::kafka) fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        *self.running.count.lock() += 1;
        let runs = Runs(Arc::clone(&self.running));
        let handle = Builder::new().name(name.to_owned()).spawn(move || {
            let _runs = runs;
            run();
        })?;
        self.handles.lock().push(handle);
        Ok(())
    }

    /// Joins those that end by the deadline; the names of the others. A thread does not wait for itself.
    pub(in crate::kafka) fn join(&self, deadline: Deadline) -> Vec<String> {
        let handles = std::mem::take(&mut *self.handles.lock());
        let is_own = |handle: &JoinHandle<()>| handle.thread().id() == thread::current().id();
        let own = usize::from(handles.iter().any(is_own));
        let mut count = self.running.count.lock();
        while *count > own && !deadline.is_over() {
            self.running.ended.wait_for(&mut count, deadline.left());
        }
        let all_ended = *count <= own;
        drop(count);
        let mut left = Vec::new();
        for handle in handles.into_iter().filter(|handle| !is_own(handle)) {
            if all_ended || handle.is_finished() {
                // A panic was logged by the thread's own hook.
                let _ = handle.join();
            } else {
                left.push(handle.thread().name().unwrap_or("?").to_owned());
            }
        }
        left
    }
}

/// Something that is asked and waited for: what comes of it is put into the inbox.
pub(super) type Job<A> = Box<dyn FnOnce() -> A + Send>;

/// A thread that asks and waits, one thing after the other. It ends with the worker.
#[derive(Debug)]
pub(super) struct Worker<A> {
    jobs: channel::Sender<Job<A>>,
}

impl<A: Send + 'static> Worker<A> {
    /// Starts it.
    pub(super) fn start(threads: &Threads, name: &str, inbox: &Arc<Inbox<A>>) -> io::Result<Self> {
        // The machine asks for one thing at a time; leaving may come while a commit is under way.
        let (jobs, todo) = channel::bounded::<Job<A>>(2);
        let inbox = Arc::clone(inbox);
        threads.spawn(name, move || {
            for job in todo {
                inbox.answer(job());
            }
        })?;
        Ok(Self { jobs })
    }

    /// Gives it something to do.
    pub(super) fn give(&self, job: Job<A>) {
        // The other end goes last, and there is room.
        let _ = self.jobs.send(job);
    }
}
