//! A thread on which the crate is called, and how it is waited for. The caller waits by its own deadline; a thread that is late
//! is given up: its client is never used again, and another thread takes its place. Only so many may be late at a time.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam_channel as channel;
use parking_lot::{Condvar, Mutex};

use super::failure::of_crate;
use super::session::Session;
use crate::kafka::KafkaError;
use crate::kafka::client::cluster::Cluster;
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::way_out::{Shut, WayOut};

/// So many threads may not have come back before no other is started.
pub(super) const MOST_STRAYS: usize = 8;

/// A thread with a [`Session`], which is started when it is asked something.
pub(super) struct Lane {
    cluster: Arc<Cluster>,
    name: String,
    strays: Strays,
    thread: Option<Running>,
    /// How many of its calls were given up at their deadline. A broker that is silent is the first to be asked no more.
    late: usize,
}

type Job = Box<dyn FnOnce(&mut Option<Session>) + Send>;

struct Running {
    jobs: channel::Sender<Job>,
    thread: Stray,
}

impl Lane {
    pub(super) fn new(cluster: Arc<Cluster>, name: String, strays: Strays) -> Self {
        Self { cluster, name, strays, thread: None, late: 0 }
    }

    /// Runs a job on the thread and waits for what it comes to. After an error the session is not used again. What ends the wait
    /// besides are the deadline, with [`KafkaError::Timeout`], and the way out, with [`KafkaError::Stopped`]: the thread is
    /// given up then. A panic is an error. Where the deadline is over already, or too many threads have not come back, the job
    /// is not run, and the error is [`KafkaError::Timeout`] at once.
    pub(super) fn ask<T: Send + 'static>(
        &mut self,
        request: &'static str,
        (way_out, deadline): (&WayOut, Deadline),
        job: impl FnOnce(&mut Session) -> Result<T, KafkaError> + Send + 'static,
    ) -> Result<T, KafkaError> {
        let patience = deadline.left();
        let (ring, rung) = channel::bounded(1);
        let bell: Arc<Bell> = Arc::new(Bell(ring));
        let weak = Arc::downgrade(&bell) as Weak<dyn Shut>;
        let _led = way_out.lead_to(weak).ok_or(KafkaError::Stopped)?;
        let (reply, answer) = channel::bounded(1);
        let (cluster, turn) = (Arc::clone(&self.cluster), self.late);
        let job: Job = Box::new(move |kept| {
            let mut session = kept.take().unwrap_or_else(|| Session::new(&cluster, turn));
            let result = catch_unwind(AssertUnwindSafe(|| job(&mut session)));
            let result = result.unwrap_or_else(|panic| {
                let problem = format!("it panicked: {}", panic_text(&*panic));
                Err(of_crate(request, None, problem))
            });
            if result.is_ok() {
                *kept = Some(session);
            }
            // Nobody waits any more if it is late.
            let _ = reply.send(result);
        });
        // What is sent is run, also when nobody waits for it.
        if deadline.is_over() {
            return Err(self.timed_out(request, patience));
        }
        let running = self.running(request, patience)?;
        if running.jobs.send(job).is_err() {
            self.give_up();
            return Err(of_crate(request, None, "its thread has ended".to_owned()));
        }
        channel::select! {
            recv(answer) -> result => {
                result.unwrap_or_else(|_| Err(of_crate(request, None, "its thread has ended".to_owned())))
            }
            recv(rung) -> _ => {
                self.give_up();
                Err(KafkaError::Stopped)
            }
            default(deadline.left()) => {
                self.give_up();
                self.late = self.late.wrapping_add(1);
                Err(self.timed_out(request, patience))
            }
        }
    }

    fn timed_out(&self, request: &'static str, after: Duration) -> KafkaError {
        KafkaError::Timeout { broker: Arc::clone(self.cluster.bootstrap()), request, after }
    }

    /// The thread. While too many have not come back there is none, which passes, and is told as a call that is late.
    fn running(&mut self, request: &'static str, patience: Duration) -> Result<&Running, KafkaError> {
        if self.thread.is_none() {
            if self.strays.count() >= MOST_STRAYS {
                log::debug!("{MOST_STRAYS} calls of the kafka crate have not come back: {request} waits");
                return Err(self.timed_out(request, patience));
            }
            let (jobs, mailbox) = channel::bounded::<Job>(1);
            let ended = Ended { strays: self.strays.clone(), flag: Arc::default() };
            let flag = Arc::clone(&ended.flag);
            let run = move || {
                let _ended = ended;
                let mut session = None;
                while let Ok(job) = mailbox.recv() {
                    job(&mut session);
                }
            };
            let thread = Builder::new().name(self.name.clone()).spawn(run).map_err(KafkaError::no_thread)?;
            self.thread = Some(Running { jobs, thread: Stray { thread, ended: flag } });
        }
        Ok(self.thread.as_ref().expect("it was started"))
    }

    /// Lets the thread end when it has done what it does.
    fn give_up(&mut self) {
        if let Some(Running { jobs, thread }) = self.thread.take() {
            drop(jobs);
            self.strays.add(thread);
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Ends a wait.
struct Bell(channel::Sender<()>);

impl Shut for Bell {
    fn shut(&self) {
        // One ring is enough.
        let _ = self.0.try_send(());
    }
}

/// The threads that were given up and have not ended, of all lanes of a client. A clone is the same list.
#[derive(Clone, Debug, Default)]
pub(super) struct Strays {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    threads: Mutex<Vec<Stray>>,
    ended: Condvar,
}

#[derive(Debug)]
struct Stray {
    thread: JoinHandle<()>,
    ended: Arc<AtomicBool>,
}

impl Strays {
    fn add(&self, thread: Stray) {
        let mut threads = self.shared.threads.lock();
        join_ended(&mut threads);
        threads.push(thread);
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        let mut threads = self.shared.threads.lock();
        join_ended(&mut threads);
        threads.len()
    }

    /// Waits until all have ended, or until the deadline: the names of those that have not.
    pub(super) fn wait(&self, deadline: Deadline) -> Vec<String> {
        let mut threads = self.shared.threads.lock();
        loop {
            join_ended(&mut threads);
            if threads.is_empty() || deadline.is_over() {
                let name = |stray: &Stray| stray.thread.thread().name().unwrap_or("?").to_owned();
                return threads.iter().map(name).collect();
            }
            self.shared.ended.wait_for(&mut threads, deadline.left());
        }
    }
}

fn join_ended(threads: &mut Vec<Stray>) {
    let mut at = 0;
    while at < threads.len() {
        if threads[at].ended.load(Ordering::Acquire) {
            // It has nothing left to do; what its jobs panic with is caught.
            let _ = threads.swap_remove(at).thread.join();
        } else {
            at += 1;
        }
    }
}

/// Says that a thread ends.
struct Ended {
    strays: Strays,
    flag: Arc<AtomicBool>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        let threads = self.strays.shared.threads.lock();
        self.flag.store(true, Ordering::Release);
        drop(threads);
        self.strays.shared.ended.notify_all();
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}
