//! [`DStream`]: a stream of batches, and the chain of operators on it. One file per family of operators.
//!
//! An operator of a stream is the operator of the same name on [`Batch`], applied to every batch: there is one
//! implementation, in `batch/`. What happens here runs while the program builds its graph; the closures given to
//! [`DStream::derive`] run on the job thread.

mod collect;
mod combine;
mod keyed;
mod narrow;
mod output;
mod pair;
mod print;
mod save;
mod shuffle;
mod split;

use std::fmt;
use std::marker::PhantomData;

pub use collect::Collected;
pub use output::OutputResult;
pub use save::{SaveError, SaveOptions};

use crate::context::StreamingContext;
use crate::error::Site;
use crate::graph::NodeId;
use crate::{Batch, Data};

/// A stream of batches of `T`, one each batch interval.
///
/// It is a handle into the [`StreamingContext`] it borrows: copy it to use it twice. A stream with several readers is
/// computed once a batch. Operators return streams and never fail; a mistake is kept with its line and returned by
/// [`start`](StreamingContext::start).
///
/// A stream exists only while the graph is built. After the start there is none to add to, and a function of an
/// operator cannot hold one:
///
/// ```compile_fail,E0505
/// # use std::time::Duration;
/// let ssc = batchmill::StreamingContext::new(Duration::from_secs(1))?;
/// let (_queue, numbers) = ssc.queue_stream::<u32>();
/// numbers.print();
/// let running = ssc.start()?;
/// numbers.map(|n| n + 1).print();
/// # Ok::<(), batchmill::Error>(())
/// ```
pub struct DStream<'c, T> {
    context: &'c StreamingContext,
    node: NodeId,
    records: PhantomData<fn() -> T>,
}

impl<'c, T: Data> DStream<'c, T> {
    pub(crate) fn new(context: &'c StreamingContext, node: NodeId) -> Self {
        Self { context, node, records: PhantomData }
    }

    pub(crate) fn node(&self) -> NodeId {
        self.node
    }

    pub(crate) fn belongs_to(&self, context: &StreamingContext) -> bool {
        std::ptr::eq(self.context, context)
    }

    /// The context this stream belongs to.
    pub fn context(&self) -> &'c StreamingContext {
        self.context
    }

    /// A stream whose every batch is made from this one's.
    fn derive<U: Data>(
        self,
        site: Site,
        operator: impl Fn(Batch<T>) -> Batch<U> + Send + Sync + 'static,
    ) -> DStream<'c, U> {
        let parent = self.node;
        self.context.add_stream(site, vec![parent], move |run| Ok(operator(run.stream(parent)?)))
    }
}

impl<T> Clone for DStream<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for DStream<'_, T> {}

impl<T> fmt::Debug for DStream<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DStream").field("node", &self.node).finish_non_exhaustive()
    }
}
