//! Operators of pair streams that make each partition from one partition.

use std::sync::Arc;

use super::DStream;
use crate::Data;
use crate::error::Site;

impl<'c, K: Data, V: Data> DStream<'c, (K, V)> {
    /// Each value becomes what `f` makes of it; keys stay.
    #[doc(alias = "mapValues")]
    #[track_caller]
    pub fn map_values<W: Data>(self, f: impl Fn(V) -> W + Send + Sync + 'static) -> DStream<'c, (K, W)> {
        let (site, f) = (Site::here("map_values"), Arc::new(f));
        self.derive(site, move |batch| batch.map_values_at(Arc::clone(&f), site))
    }

    /// Each value becomes the values that `f` makes of it, each with a clone of the key.
    #[doc(alias = "flatMapValues")]
    #[track_caller]
    pub fn flat_map_values<I>(self, f: impl Fn(V) -> I + Send + Sync + 'static) -> DStream<'c, (K, I::Item)>
    where
        I: IntoIterator + 'static,
        I::Item: Data,
    {
        let (site, f) = (Site::here("flat_map_values"), Arc::new(f));
        self.derive(site, move |batch| batch.flat_map_values_at(Arc::clone(&f), site))
    }

    /// The keys.
    #[track_caller]
    pub fn keys(self) -> DStream<'c, K> {
        let site = Site::here("keys");
        self.derive(site, move |batch| batch.keys_at(site))
    }

    /// The values.
    #[track_caller]
    pub fn values(self) -> DStream<'c, V> {
        let site = Site::here("values");
        self.derive(site, move |batch| batch.values_at(site))
    }
}
