//! The stage behind every keyed reduction: each group of input partitions is combined into one table in its task, the
//! tables' entries are exchanged, and each output partition merges its parcels in the task that reads it.

use std::hash::Hash;
use std::marker::PhantomData;
use std::mem::needs_drop;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::groups;
use super::slot::{Plain, Slot, Taken};
use super::table::Table;
use crate::batch::chunks::{Chunks, FromIter, Reader};
use crate::batch::exchange::Parcels;
use crate::batch::fault::{Fault, at};
use crate::batch::fold::Fold;
use crate::batch::partitions::{Node, Partitions, claim_parent, prepare_parent};
use crate::batch::run::Run;
use crate::batch::shuffle::Shuffled;
use crate::hash::KeyHasher;
use crate::{Batch, Data, Site, TaskError};

/// How values of a key are combined. A stream makes one and uses it for every batch, so that a table starts with the
/// size the last one had.
pub(crate) struct Combiner<A, M, B> {
    pub(crate) create: A,
    pub(crate) merge_value: M,
    pub(crate) merge_combiners: B,
    pub(crate) site: Site,
    keys_last: AtomicUsize,
}

impl<A, M, B> Combiner<A, M, B> {
    pub(crate) fn new(create: A, merge_value: M, merge_combiners: B, site: Site) -> Arc<Self> {
        Arc::new(Self { create, merge_value, merge_combiners, site, keys_last: AtomicUsize::new(0) })
    }
}

impl Combiner<(), (), ()> {
    /// Everything is merged by `f`, and a first value stays as it is.
    #[expect(clippy::type_complexity, reason = "closures have no shorter names")]
    pub(crate) fn reduce<V, F>(
        f: F,
        site: Site,
    ) -> Arc<Combiner<impl Fn(V) -> V, impl Fn(V, V) -> V, impl Fn(V, V) -> V>>
    where
        V: Data,
        F: Fn(V, V) -> V + Send + Sync + 'static,
    {
        let f = Arc::new(f);
        let merge_value = Arc::clone(&f);
        Combiner::new(|value| value, move |a, b| merge_value(a, b), move |a, b| f(a, b), site)
    }
}

/// What [`grouping`] makes.
type Grouping<V> = Combiner<fn(V) -> Vec<V>, fn(Vec<V>, V) -> Vec<V>, fn(Vec<V>, Vec<V>) -> Vec<V>>;

/// All values of a key, in a vector.
pub(crate) fn grouping<V>(site: Site) -> Arc<Grouping<V>> {
    Combiner::new(groups::one, groups::pushed, groups::joined, site)
}

impl<K: Data + Hash + Eq, V: Data> Batch<(K, V)> {
    /// Combines into `partitions` partitions, or into the context's number.
    pub(crate) fn combine_at<C, A, M, B>(
        self,
        combiner: Arc<Combiner<A, M, B>>,
        partitions: Option<usize>,
    ) -> Batch<(K, C)>
    where
        C: Data,
        A: Fn(V) -> C + Send + Sync + 'static,
        M: Fn(C, V) -> C + Send + Sync + 'static,
        B: Fn(C, C) -> C + Send + Sync + 'static,
    {
        let partitions = partitions.unwrap_or(self.context.partitions()).max(1);
        Batch::from_node(self.context, Combine { parent: self.node, combiner, partitions })
    }
}

struct Combine<K, V, A, M, B> {
    parent: Node<(K, V)>,
    combiner: Arc<Combiner<A, M, B>>,
    partitions: usize,
}

impl<K, V, A, M, B> Combine<K, V, A, M, B>
where
    K: Data + Hash + Eq,
    V: Data,
{
    /// The parcels of all groups. `S` is how a value lies in the table.
    fn combine<C, S>(&self, run: &Run) -> Result<Vec<Parcels<(K, C)>>, TaskError>
    where
        C: Data,
        S: Slot<C> + Send,
        A: Fn(V) -> C + Send + Sync,
        M: Fn(C, V) -> C + Send + Sync,
        B: Fn(C, C) -> C + Send + Sync,
    {
        let all = 0..self.parent.count();
        prepare_parent(&self.parent, run, all.clone(), true)?;
        let tables = Tables {
            combiner: &*self.combiner,
            hasher: run.context.hasher(),
            slot: PhantomData::<fn() -> (C, S)>,
        };
        run.fold_groups(&*self.parent, all, &tables, |table: Table<K, S>| {
            self.combiner.keys_last.store(table.len(), Ordering::Relaxed);
            table.into_parcels(self.partitions)
        })
    }
}

/// Pairs become a table of what the values of each key are combined to.
struct Tables<'c, A, M, B, C, S> {
    combiner: &'c Combiner<A, M, B>,
    hasher: &'c KeyHasher,
    slot: PhantomData<fn() -> (C, S)>,
}

impl<K, V, C, S, A, M, B> Fold<(K, V)> for Tables<'_, A, M, B, C, S>
where
    K: Data + Hash + Eq,
    V: Data,
    C: Data,
    S: Slot<C> + Send,
    A: Fn(V) -> C + Send + Sync,
    M: Fn(C, V) -> C + Send + Sync,
    B: Fn(C, C) -> C + Send + Sync,
{
    type State = Table<K, S>;

    fn begin(&self, weight: u64) -> Table<K, S> {
        // No more keys than a batch of this weight can have: a quiet hour does not pay for a busy one.
        let most = usize::try_from(weight / 8).unwrap_or(usize::MAX);
        let room = self.combiner.keys_last.load(Ordering::Relaxed).min(most);
        Table::with_room(self.hasher.clone(), room)
    }

    fn read(&self, table: &mut Table<K, S>, _: usize, records: &mut Reader<'_, (K, V)>) -> Result<(), Fault> {
        let Combiner { create, merge_value, site, .. } = self.combiner;
        while let Some(chunk) = records.next_chunk()? {
            at(*site, || table.combine(chunk, create, merge_value));
        }
        Ok(())
    }

    fn join(&self, table: &mut Table<K, S>, next: Table<K, S>) {
        let merge = |a, b| (self.combiner.merge_combiners)(a, b);
        at(self.combiner.site, || table.combine(&mut next.into_entries(), |value| value, merge));
    }
}

impl<K, V, C, A, M, B> Partitions<(K, C)> for Combine<K, V, A, M, B>
where
    K: Data + Hash + Eq,
    V: Data,
    C: Data,
    A: Fn(V) -> C + Send + Sync + 'static,
    M: Fn(C, V) -> C + Send + Sync + 'static,
    B: Fn(C, C) -> C + Send + Sync + 'static,
{
    fn count(&self) -> usize {
        self.partitions
    }

    fn weight(&self, run: &Run, partition: usize) -> u64 {
        run.kept::<_, Shuffled<(K, C)>>(self).map_or(0, |shuffled| shuffled.weight(partition))
    }

    fn prepare(&self, run: &Run, _: Range<usize>, sole: bool) -> Result<(), TaskError> {
        if run.kept::<_, Shuffled<(K, C)>>(self).is_none() {
            let made = if needs_drop::<C>() {
                self.combine::<C, Taken<C>>(run)?
            } else {
                self.combine::<C, Plain<C>>(run)?
            };
            run.keep(self, Shuffled::new(made, self.partitions, sole));
        }
        Ok(())
    }

    fn open(&self, run: &Run, partition: usize) -> Result<Box<dyn Chunks<(K, C)>>, Fault> {
        let shuffled =
            run.kept::<_, Shuffled<(K, C)>>(self).expect("a partition is opened after it was prepared");
        let mut parcels = shuffled.parcels(partition);
        if parcels.len() <= 1 {
            return Ok(Box::new(FromIter(parcels.pop().unwrap_or_default().into_iter())));
        }
        let combiner = &self.combiner;
        let merge = |a, b| (combiner.merge_combiners)(a, b);
        let hasher = run.context.hasher();
        let merged = at(combiner.site, || {
            if needs_drop::<C>() {
                merge_parcels::<K, C, Taken<C>>(hasher, parcels, merge)
            } else {
                merge_parcels::<K, C, Plain<C>>(hasher, parcels, merge)
            }
        });
        Ok(Box::new(FromIter(merged.into_iter())))
    }

    fn claim(&mut self) {
        claim_parent(&mut self.parent);
    }
}

/// Merges the parcels of one output partition, in their order.
fn merge_parcels<K: Data + Hash + Eq, C: Clone, S: Slot<C>>(
    hasher: &KeyHasher,
    parcels: Vec<Vec<(K, C)>>,
    merge: impl Fn(C, C) -> C,
) -> Vec<(K, C)> {
    let room = parcels.iter().map(Vec::len).max().unwrap_or(0);
    let mut parcels = parcels.into_iter();
    // Keys differ within a parcel, so the first one is the beginning of the table.
    let first = parcels.next().unwrap_or_default();
    let first = first.into_iter().map(|(key, value)| (key, S::new(value))).collect();
    let mut table = Table::<K, S>::of(hasher.clone(), first, room + room / 2);
    parcels.for_each(|mut parcel| table.combine(&mut parcel, |value| value, &merge));
    table.into_entries()
}
