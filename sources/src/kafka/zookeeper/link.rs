//! The session that a membership has at the moment, for all its threads.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::zookeeper::{Session, ZooKeeper};

/// The session as it is now.
#[derive(Debug, Default)]
pub(super) struct Link {
    state: Mutex<LinkState>,
}

#[derive(Debug, Default)]
struct LinkState {
    zookeeper: Option<Arc<ZooKeeper>>,
    is_closed: bool,
}

impl Link {
    pub(super) fn session(&self) -> Option<Session> {
        self.state.lock().zookeeper.as_ref().map(|zookeeper| zookeeper.session().clone())
    }

    /// Ends the session in order, and waits for that; [`abandon`](Self::abandon) ends the waiting. Returns its number, if
    /// there was one.
    pub(super) fn end(&self) -> Option<i64> {
        let zookeeper = self.state.lock().zookeeper.clone()?;
        let id = zookeeper.session().id();
        zookeeper.close();
        self.state.lock().zookeeper = None;
        Some(id).filter(|id| *id != 0)
    }

    /// Whether it may be used.
    pub(super) fn put(&self, zookeeper: &Arc<ZooKeeper>) -> bool {
        let mut state = self.state.lock();
        state.zookeeper = Some(Arc::clone(zookeeper));
        !state.is_closed
    }

    /// Ends all waiting, now and later, without a word to the servers.
    pub(super) fn abandon(&self) {
        let zookeeper = {
            let mut state = self.state.lock();
            state.is_closed = true;
            state.zookeeper.take()
        };
        if let Some(zookeeper) = zookeeper {
            zookeeper.abandon();
        }
    }
}
