//! The table that combines the values of equal keys: entries in order of their first appearance, and an index of
//! hashes into them. Used by one task at a time.
//!
//! Entries lie densely: frequent keys tend to appear early and so share cache lines, a grown index moves no entry,
//! and at the end the entries are a parcel as they are. A chunk of records is hashed whole, then looked up in the
//! index whole, then merged: none of these loops waits for the memory of the one before it.

use std::hash::Hash;
use std::mem::needs_drop;

use super::slot::Slot;
use crate::hash::{KeyHasher, place};

/// Index slot of no entry; its position is never reached, because the index is never full.
///
/// An entry's slot has its position in the bits that the mask covers and the rest of its hash in the others: a match
/// at the hash's own place is a match of all its 32 bits. Slots this small keep the index of a hundred thousand keys
/// in a second-level cache.
const EMPTY: u32 = u32::MAX;

pub(super) struct Table<K, S> {
    hasher: KeyHasher,
    /// A power of two; at most three quarters of it are used.
    index: Vec<u32>,
    entries: Vec<(K, S)>,
    /// The high half of each entry's hash: all that places it, here and in a partition.
    hashes: Vec<u32>,
    /// Of each record of the chunk at hand: the entry its hash points to first, or a position behind the last one.
    candidates: Vec<u32>,
    /// Records of the chunk that need another look, the last of them first.
    late: Vec<usize>,
}

impl<K: Hash + Eq, S> Table<K, S> {
    /// A table with room for `keys` keys before it grows.
    pub(super) fn with_room(hasher: KeyHasher, keys: usize) -> Self {
        let slots = (keys.max(32) + keys / 3 + 1).next_power_of_two();
        Self {
            hasher,
            index: vec![EMPTY; slots],
            entries: Vec::with_capacity(keys),
            hashes: Vec::with_capacity(keys),
            candidates: Vec::new(),
            late: Vec::new(),
        }
    }

    /// A table of entries with different keys.
    pub(super) fn of(hasher: KeyHasher, entries: Vec<(K, S)>, room: usize) -> Self {
        let mut table = Self::with_room(hasher, room.max(entries.len()));
        table.hashes.extend(entries.iter().map(|(key, _)| half(&table.hasher, key)));
        table.entries = entries;
        table.fill_index();
        table
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Takes all records out of `records`: the first value of a key becomes `create` of it, each further one is merged
    /// into what is there.
    ///
    /// Records whose entry is not the first candidate come last. For a key this holds for all its records of the chunk
    /// or for none, so its values keep their order.
    pub(super) fn combine<V: Clone, C>(
        &mut self,
        records: &mut Vec<(K, V)>,
        create: impl Fn(V) -> C,
        merge: impl Fn(C, V) -> C,
    ) where
        S: Slot<C>,
    {
        self.look_up(records);
        if needs_drop::<V>() {
            self.combine_moved(records, &create, &merge);
        } else {
            self.combine_copied(records, &create, &merge);
        }
    }

    /// Values are moved out of the records, each with its key.
    fn combine_moved<V, C>(
        &mut self,
        records: &mut Vec<(K, V)>,
        create: impl Fn(V) -> C,
        merge: impl Fn(C, V) -> C,
    ) where
        S: Slot<C>,
    {
        let candidates = std::mem::take(&mut self.candidates);
        for ((key, value), candidate) in records.drain(..).zip(&candidates) {
            match self.entries.get_mut(*candidate as usize) {
                Some((known, slot)) if *known == key => slot.update(|combined| merge(combined, value)),
                _ => self.combine_one(key, value, &create, &merge),
            }
        }
        self.candidates = candidates;
    }

    /// Values are copied; the records stay where they are, and only those of new keys are moved.
    fn combine_copied<V: Clone, C>(
        &mut self,
        records: &mut Vec<(K, V)>,
        create: impl Fn(V) -> C,
        merge: impl Fn(C, V) -> C,
    ) where
        S: Slot<C>,
    {
        self.late.clear();
        for (at, ((key, value), candidate)) in records.iter().zip(&self.candidates).enumerate() {
            match self.entries.get_mut(*candidate as usize) {
                Some((known, slot)) if known == key => slot.update(|combined| merge(combined, value.clone())),
                _ => self.late.push(at),
            }
        }
        // Taken from the end on, so that a hole is filled with a record that is done with.
        let mut late: Vec<_> = self.late.iter().rev().map(|at| records.swap_remove(*at)).collect();
        records.clear();
        while let Some((key, value)) = late.pop() {
            self.combine_one(key, value, &create, &merge);
        }
    }

    fn look_up<V>(&mut self, records: &[(K, V)]) {
        let mask = self.mask();
        self.candidates.clear();
        self.candidates.extend(records.iter().map(|(key, _)| {
            let hash = half(&self.hasher, key);
            let slot = self.index[(hash & mask) as usize];
            if (slot ^ hash) & !mask == 0 { slot & mask } else { EMPTY }
        }));
    }

    /// Looks further than the first index slot, and makes an entry if there is none.
    #[inline(never)]
    fn combine_one<V, C>(&mut self, key: K, value: V, create: impl Fn(V) -> C, merge: impl Fn(C, V) -> C)
    where
        S: Slot<C>,
    {
        let (mask, hash) = (self.mask(), half(&self.hasher, &key));
        let mut at = hash & mask;
        loop {
            let slot = self.index[at as usize];
            if slot == EMPTY {
                break;
            }
            if (slot ^ hash) & !mask == 0 {
                let (known, combined) = &mut self.entries[(slot & mask) as usize];
                if *known == key {
                    return combined.update(|combined| merge(combined, value));
                }
            }
            at = (at + 1) & mask;
        }
        self.index[at as usize] = (hash & !mask) | self.entries.len() as u32;
        self.entries.push((key, S::new(create(value))));
        self.hashes.push(hash);
        if self.entries.len() >= self.index.len() / 4 * 3 {
            self.index = vec![EMPTY; self.index.len() * 2];
            self.fill_index();
        }
    }

    /// Enters all entries into an empty index.
    fn fill_index(&mut self) {
        let mask = self.mask();
        for (position, hash) in self.hashes.iter().enumerate() {
            let mut at = hash & mask;
            while self.index[at as usize] != EMPTY {
                at = (at + 1) & mask;
            }
            self.index[at as usize] = (hash & !mask) | position as u32;
        }
    }

    fn mask(&self) -> u32 {
        u32::try_from(self.index.len() - 1).expect("a task meets less than 3 billion different keys")
    }

    /// The entries in order of their first appearance.
    pub(super) fn into_entries<C>(self) -> Vec<(K, C)>
    where
        S: Slot<C>,
    {
        // The vector is used again in place.
        self.entries.into_iter().map(|(key, slot)| (key, slot.into_value())).collect()
    }

    /// The entries of each of `partitions` partitions.
    pub(super) fn into_parcels<C>(self, partitions: usize) -> Vec<Vec<(K, C)>>
    where
        S: Slot<C>,
    {
        if partitions == 1 {
            return vec![self.into_entries()];
        }
        let mut sizes = vec![0; partitions];
        self.hashes.iter().for_each(|hash| sizes[place_half(*hash, partitions)] += 1);
        let mut parcels: Vec<_> = sizes.into_iter().map(Vec::with_capacity).collect();
        for ((key, slot), hash) in self.entries.into_iter().zip(self.hashes) {
            parcels[place_half(hash, partitions)].push((key, slot.into_value()));
        }
        parcels
    }
}

#[inline(always)]
fn half<K: Hash>(hasher: &KeyHasher, key: &K) -> u32 {
    (hasher.hash(key) >> 32) as u32
}

#[inline(always)]
fn place_half(hash: u32, partitions: usize) -> usize {
    place(u64::from(hash) << 32, partitions)
}

#[cfg(test)]
mod tests {
    use super::super::slot::{Plain, Taken};
    use super::*;

    fn table<S: Slot<u64>>() -> Table<u64, S> {
        Table::with_room(KeyHasher::with_seed(1), 0)
    }

    fn counts_survive_growth<S: Slot<u64>>() {
        let mut table = table::<S>();
        for round in 0..3 {
            for start in (0..10_000).step_by(100) {
                let mut records = (start..start + 100).map(|key| (key, round)).collect();
                table.combine(&mut records, |v| v, |a, b| a * 10 + b);
                assert!(records.is_empty());
            }
        }
        assert_eq!(table.len(), 10_000);
        assert_eq!(table.into_entries(), (0..10_000).map(|key| (key, 12)).collect::<Vec<_>>());
    }

    #[test]
    fn values_are_merged_in_order_and_survive_growth() {
        counts_survive_growth::<Plain<u64>>();
        counts_survive_growth::<Taken<u64>>();
    }

    #[test]
    fn a_key_that_appears_twice_in_its_first_chunk_is_one_entry() {
        let mut table = table::<Plain<u64>>();
        table.combine(&mut vec![(5, 1), (5, 2), (6, 3), (5, 4)], |v| v, |a, b| a + b);
        assert_eq!(table.into_entries(), [(5, 7), (6, 3)]);
    }

    #[test]
    fn keys_whose_hashes_are_equal_stay_apart() {
        #[derive(PartialEq, Eq, Debug, Clone)]
        struct Same(u64);
        impl Hash for Same {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                0_u64.hash(state);
            }
        }
        let mut table = Table::<_, Plain<u64>>::with_room(KeyHasher::with_seed(1), 0);
        let records = || (0..200).map(|key| (Same(key), 1)).collect();
        table.combine(&mut records(), |v| v, |a, b| a + b);
        table.combine(&mut records(), |v| v, |a, b| a + b);
        assert_eq!(table.into_entries(), (0..200).map(|key| (Same(key), 2)).collect::<Vec<_>>());
    }

    #[test]
    fn parcels_hold_every_entry_once_in_the_partition_of_its_hash() {
        let mut table = table::<Plain<u64>>();
        table.combine(&mut (0..1_000).map(|key| (key, 1)).collect(), |v| v, |a, b| a + b);
        let hasher = KeyHasher::with_seed(1);
        let parcels = table.into_parcels(3);
        assert_eq!(parcels.iter().map(Vec::len).sum::<usize>(), 1_000);
        for (partition, parcel) in parcels.iter().enumerate() {
            assert!(!parcel.is_empty());
            assert!(parcel.iter().all(|(key, _)| place(hasher.hash(key), 3) == partition));
        }
    }
}
