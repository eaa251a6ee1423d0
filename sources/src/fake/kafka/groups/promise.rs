//! [`Promise`]: an answer that depends on other members. The group and the thread of the connection share it: the group
//! keeps it, the thread looks at it whenever the cluster has changed.

use std::sync::{Arc, OnceLock};

/// An answer to come.
#[derive(Clone, Debug)]
pub(in crate::fake::kafka) struct Promise<T>(Arc<OnceLock<T>>);

impl<T> Promise<T> {
    pub(super) fn new() -> Self {
        Self(Arc::new(OnceLock::new()))
    }

    /// One that is kept already.
    pub(in crate::fake::kafka) fn kept(answer: T) -> Self {
        Self(Arc::new(OnceLock::from(answer)))
    }

    /// Gives the answer, the first time that it is called.
    pub(super) fn keep(self, answer: T) {
        let _ = self.0.set(answer);
    }

    /// The answer, if there is one.
    pub(in crate::fake::kafka) fn answer(&self) -> Option<&T> {
        self.0.get()
    }

    /// Whether the other side still has its share: somebody waits for the answer, or may yet give it.
    pub(in crate::fake::kafka) fn is_awaited(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}
