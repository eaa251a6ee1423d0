//! The collecting output: keeps the records of every batch for the program to look at, in tests above all.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::DStream;
use crate::clock::RealDeadline;
use crate::error::Site;
use crate::{BatchTime, Data};

impl<T: Data> DStream<'_, T> {
    /// Keeps every batch in memory until the program takes it out of the handle. Take the handle before the start.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let ssc = batchmill::StreamingContext::new(Duration::from_secs(1))?;
    /// let (queue, numbers) = ssc.queue_stream::<u32>();
    /// let collected = numbers.collect();
    /// let mut test = ssc.start_stepped()?;
    /// queue.push([1, 2]);
    /// let time = test.step_batch()?;
    /// assert_eq!(collected.take(), Some((time, vec![1, 2])));
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[track_caller]
    pub fn collect(self) -> Collected<T> {
        let collected = Collected { shared: Arc::new(Shared::default()) };
        let shared = Arc::clone(&collected.shared);
        self.output(Site::here("collect"), move |batch| {
            let time = batch.time();
            let records = batch.into_vec()?;
            shared.batches.lock().push_back((time, records));
            shared.added.notify_all();
            Ok(())
        });
        collected
    }
}

/// The batches that [`DStream::collect`] keeps, oldest first. Cloneable; usable from any thread, during the run and
/// after it.
#[derive(Debug)]
pub struct Collected<T> {
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    batches: Mutex<VecDeque<(BatchTime, Vec<T>)>>,
    added: Condvar,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { batches: Mutex::default(), added: Condvar::new() }
    }
}

impl<T> Collected<T> {
    /// Takes the oldest batch; `None` if there is none now.
    pub fn take(&self) -> Option<(BatchTime, Vec<T>)> {
        self.shared.batches.lock().pop_front()
    }

    /// Takes the oldest batch, waiting at most `timeout` of real time for one.
    pub fn take_timeout(&self, timeout: Duration) -> Option<(BatchTime, Vec<T>)> {
        let deadline = RealDeadline::after(timeout);
        let mut batches = self.shared.batches.lock();
        while batches.is_empty() {
            if !deadline.wait(&self.shared.added, &mut batches) {
                break;
            }
        }
        batches.pop_front()
    }

    /// Takes all batches.
    pub fn take_batches(&self) -> Vec<(BatchTime, Vec<T>)> {
        self.shared.batches.lock().drain(..).collect()
    }

    /// Takes the records of all batches, in the order of batches and partitions.
    pub fn take_all(&self) -> Vec<T> {
        self.take_batches().into_iter().flat_map(|(_, records)| records).collect()
    }

    /// Takes the records of all batches, sorted: keyed operators promise no order.
    pub fn take_sorted(&self) -> Vec<T>
    where
        T: Ord,
    {
        let mut all = self.take_all();
        all.sort();
        all
    }
}

impl<T> Clone for Collected<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}
