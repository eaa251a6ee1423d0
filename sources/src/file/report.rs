//! Tells the listener and the log of what happens to files, each thing once. Called on the generate thread and in
//! tasks, from several threads at once.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};

use batchmill::InputHandle;
use parking_lot::Mutex;

/// How much is remembered to have been told; then all of it is forgotten, and some of it may be told again.
const TOLD_LIMIT: usize = 10_000;

/// A source's voice.
#[derive(Debug)]
pub(super) struct Reporter {
    handle: InputHandle,
    /// File names, and the kinds of events that were told of them.
    told: Mutex<HashSet<(OsString, &'static str)>>,
}

impl Reporter {
    pub(super) fn new(handle: InputHandle) -> Self {
        Self { handle, told: Mutex::default() }
    }

    /// Tells something of the whole source.
    pub(super) fn tell(&self, kind: &'static str, detail: impl Into<String>) {
        let detail = detail.into();
        log::warn!("{kind}: {detail}");
        self.handle.source_event(kind, detail);
    }

    /// Tells something of the file `name`, unless the same kind of thing was told of it before.
    pub(super) fn tell_once(&self, name: &OsStr, kind: &'static str, detail: impl FnOnce() -> String) {
        {
            let mut told = self.told.lock();
            if told.len() >= TOLD_LIMIT {
                told.clear();
            }
            if !told.insert((name.to_owned(), kind)) {
                return;
            }
        }
        self.tell(kind, detail());
    }

    /// Forgets what was told of files that are not there: the next file of the name is another one.
    pub(super) fn keep(&self, is_there: impl Fn(&OsStr) -> bool) {
        self.told.lock().retain(|(name, _)| is_there(name));
    }
}
