//! `try_map`: a closure that may fail, with the record it failed on kept. Runs in the partition's task.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::Batch;
use crate::{Data, Site, SourceError};

/// A record that an operator could not handle, and why.
#[derive(Clone, Debug)]
pub struct Failed<T> {
    /// The record, untouched.
    pub record: T,
    /// What the closure returned.
    pub error: Arc<dyn StdError + Send + Sync + 'static>,
    /// The operator and its line.
    pub site: Site,
}

impl<T> fmt::Display for Failed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.site, self.error)
    }
}

impl<T: fmt::Debug> StdError for Failed<T> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.error)
    }
}

impl<T: Data> Batch<T> {
    /// Each record becomes what `f` makes of it, or [`Failed`] with the record, what `f` returned, and this line.
    ///
    /// `f` sees the record by reference, so that a record it fails on is not lost and none is cloned. Follow it with
    /// `split_err` to go on with good and bad records apart.
    ///
    /// ```
    /// let batch = batchmill::BatchContext::sequential().batch(vec!["1", "x"], 1);
    /// let parsed = batch.try_map(|s| s.parse::<u8>()).collect()?;
    /// assert_eq!(parsed[0].as_ref().unwrap(), &1);
    /// assert_eq!(parsed[1].as_ref().unwrap_err().record, "x");
    /// # Ok::<(), batchmill::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn try_map<U, E>(
        self,
        f: impl Fn(&T) -> Result<U, E> + Send + Sync + 'static,
    ) -> Batch<Result<U, Failed<T>>>
    where
        U: Data,
        E: Into<SourceError>,
    {
        self.try_map_at(Arc::new(f), Site::here("try_map"))
    }

    pub(crate) fn try_map_at<U, E, F>(self, f: Arc<F>, site: Site) -> Batch<Result<U, Failed<T>>>
    where
        U: Data,
        E: Into<SourceError>,
        F: Fn(&T) -> Result<U, E> + Send + Sync + 'static,
    {
        let f = move |record: T| match f(&record) {
            Ok(made) => Ok(made),
            Err(error) => Err(Failed { record, error: Arc::from(error.into()), site }),
        };
        self.map_at(Arc::new(f), site)
    }
}

#[cfg(test)]
mod tests {
    use crate::BatchContext;

    #[test]
    fn a_failed_record_says_why_and_where() {
        let batch = BatchContext::sequential().batch(vec!["x"], 1);
        let failed = batch.try_map(|s| s.parse::<u8>()).into_vec().unwrap().remove(0).unwrap_err();
        assert_eq!(failed.site.operator, "try_map");
        assert!(failed.to_string().ends_with(": invalid digit found in string"), "{failed}");
    }
}
