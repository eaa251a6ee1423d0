//! The way out of every wait of a client: for an answer, for a connection, for the end of a pause. Shared by the thread that
//! waits and the one that wants it back.

use std::collections::HashMap;
use std::fmt;
use std::net::Shutdown;
use std::sync::{Arc, Weak};

use parking_lot::{Condvar, Mutex};
use socket2::Socket;

use super::deadline::Deadline;

/// Ends what waits, now and later, once it is closed. A clone is the same way out.
#[derive(Clone, Default)]
pub(crate) struct WayOut {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    way: Mutex<Way>,
    closed: Condvar,
}

#[derive(Default)]
struct Way {
    closed: bool,
    /// What closing shuts down, under numbers.
    sockets: HashMap<u64, Weak<dyn Shut>>,
    next: u64,
}

/// As long as it lives, closing the way out shuts a socket down.
pub(crate) struct Led {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Led {
    fn drop(&mut self) {
        self.shared.way.lock().sockets.remove(&self.number);
    }
}

/// What can be made to end the reads and writes under way on it.
pub(crate) trait Shut: Send + Sync {
    /// Ends them.
    fn shut(&self);
}

impl Shut for Socket {
    fn shut(&self) {
        // One that is not connected any more needs no shutting down.
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl WayOut {
    /// Closing shall shut this down, as long as what is returned lives. `None`: it was closed already.
    pub(crate) fn lead_to(&self, socket: Weak<dyn Shut>) -> Option<Led> {
        let mut way = self.shared.way.lock();
        if way.closed {
            return None;
        }
        let number = way.next;
        way.next += 1;
        way.sockets.insert(number, socket);
        Some(Led { shared: Arc::clone(&self.shared), number })
    }

    /// Ends every wait, for good.
    pub(crate) fn close(&self) {
        let sockets = {
            let mut way = self.shared.way.lock();
            way.closed = true;
            std::mem::take(&mut way.sockets)
        };
        self.shared.closed.notify_all();
        for socket in sockets.values().filter_map(Weak::upgrade) {
            socket.shut();
        }
    }

    /// Whether it was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.way.lock().closed
    }

    /// Waits until the deadline. `false`: it was closed.
    pub(crate) fn pause(&self, until: Deadline) -> bool {
        let mut way = self.shared.way.lock();
        while !way.closed && !until.is_over() {
            self.shared.closed.wait_for(&mut way, until.left());
        }
        !way.closed
    }
}

impl fmt::Debug for Led {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Led").finish_non_exhaustive()
    }
}

impl fmt::Debug for WayOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WayOut").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    struct Counted(AtomicUsize);

    impl Shut for Counted {
        fn shut(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn closing_shuts_what_is_open_and_nothing_gets_in_later() {
        let way_out = WayOut::default();
        let open: Arc<Counted> = Arc::new(Counted(AtomicUsize::new(0)));
        let weak = |of: &Arc<Counted>| Arc::downgrade(of) as Weak<dyn Shut>;
        let gone: Arc<Counted> = Arc::new(Counted(AtomicUsize::new(0)));
        let led = way_out.lead_to(weak(&open));
        drop(way_out.lead_to(weak(&gone)));
        way_out.close();
        way_out.close();
        assert_eq!((open.0.load(Ordering::Relaxed), gone.0.load(Ordering::Relaxed)), (1, 0));
        assert!(led.is_some() && way_out.lead_to(weak(&open)).is_none());
    }

    #[test]
    fn closing_ends_a_pause() {
        let way_out = WayOut::default();
        assert!(way_out.pause(Deadline::after(Duration::from_millis(1))));
        let closing = way_out.clone();
        let waits = std::thread::spawn(move || way_out.pause(Deadline::after(Duration::from_secs(60))));
        closing.close();
        assert!(!waits.join().unwrap());
    }
}
