//! What [`LineServer::generate`](super::LineServer::generate) runs: a thread that sends lines at a pace.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam_channel as channel;

use super::outlet::Outlet;

/// How often it looks whether lines are due.
const TICK: Duration = Duration::from_millis(5);

/// A thread that sends lines until it is dropped, which joins it.
#[derive(Debug)]
pub(super) struct Pace {
    /// Dropped first, which ends the thread.
    stop: Option<channel::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Pace {
    pub(super) fn start(
        outlet: Arc<Outlet>,
        per_second: u32,
        line: impl FnMut(u64) -> String + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = channel::bounded(0);
        let work = move || run(&outlet, per_second, line, &stopped);
        let thread = Builder::new().name("fake-line-pace".to_owned()).spawn(work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the user's closure was printed where it happened.
            let _ = thread.join();
        }
    }
}

/// Lines are due by the time that has passed with somebody connected; a late tick makes up for what it missed, up to a
/// second.
fn run(
    outlet: &Outlet,
    per_second: u32,
    mut line: impl FnMut(u64) -> String,
    stopped: &channel::Receiver<()>,
) {
    let ticks = channel::tick(TICK);
    let (mut last, mut due, mut sent) = (None, 0.0, 0u64);
    loop {
        let now = channel::select! {
            recv(ticks) -> now => match now {
                Ok(now) => now,
                Err(channel::RecvError) => return,
            },
            recv(stopped) -> _ => return,
        };
        let passed = last.replace(now).map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        if !outlet.has_clients() {
            continue;
        }
        due += passed.as_secs_f64().min(1.0) * f64::from(per_second);
        let mut lines = String::new();
        while due >= 1.0 {
            lines.push_str(&line(sent));
            lines.push('\n');
            sent += 1;
            due -= 1.0;
        }
        outlet.send(lines.as_bytes());
    }
}
