//! The table that combines the values of equal keys: entries in order of their first appearance, and an index of
//! hashes into them. Used by one task at a time.
//!
//! Entries lie densely: frequent keys tend to appear early and so share cache lines, a grown index moves no entry,
//! and at the end the entries are a parcel as they are.

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

/// An index below this size (256 KiB) grows by four: it fits in a second-level cache all the same.
const FAST_GROWTH_SLOTS: usize = 1 << 16;

pub(super) struct Table<K, S> {
    hasher: KeyHasher,
    /// A power of two; at most half of it is used.
    index: Vec<u32>,
    entries: Vec<(K, S)>,
    /// The high half of each entry's hash: all that places it, here and in a partition.
    hashes: Vec<u32>,
}

/// A record whose key the table does not have: its place in the chunk, its hash, and where the index gets it.
struct NewKey {
    record: usize,
    hash: u32,
    at: usize,
}

impl<K: Hash + Eq, S> Table<K, S> {
    /// A table with room for `keys` keys before it grows.
    pub(super) fn with_room(hasher: KeyHasher, keys: usize) -> Self {
        Self {
            hasher,
            index: empty_index(keys),
            entries: Vec::with_capacity(keys),
            hashes: Vec::with_capacity(keys),
        }
    }

    /// A table of entries with different keys, and with room for `keys` keys.
    pub(super) fn of(hasher: KeyHasher, entries: Vec<(K, S)>, keys: usize) -> Self {
        let mut hashes = Vec::with_capacity(keys);
        hashes.extend(entries.iter().map(|(key, _)| half(&hasher, key)));
        let mut table = Self { index: empty_index(keys.max(entries.len())), hasher, entries, hashes };
        table.fill_index();
        table
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, key: &K) -> Option<&S> {
        find(&self.index, &self.entries, half(&self.hasher, key), key)
            .ok()
            .map(|position| &self.entries[position].1)
    }

    /// Takes all records out of `records`: the first value of a key becomes `create` of it, each further one is merged
    /// into what is there, in the order of the records.
    pub(super) fn combine<V: Clone, C>(
        &mut self,
        records: &mut Vec<(K, V)>,
        create: impl Fn(V) -> C,
        merge: impl Fn(C, V) -> C,
    ) where
        K: Clone,
        S: Slot<C>,
    {
        if needs_drop::<V>() {
            records.drain(..).for_each(|(key, value)| self.combine_one(key, value, &create, &merge));
        } else if needs_drop::<K>() {
            self.combine_in_place(records, &create, &merge);
        } else {
            self.combine_copied(records, &create, &merge);
            records.clear();
        }
    }

    /// For keys and values that can be copied.
    fn combine_copied<V: Clone, C>(
        &mut self,
        mut records: &[(K, V)],
        create: impl Fn(V) -> C,
        merge: impl Fn(C, V) -> C,
    ) where
        K: Clone,
        S: Slot<C>,
    {
        while let Some(new) = self.merge_known(records, &merge) {
            let (key, value) = &records[new.record];
            self.insert(new.at, new.hash, (key.clone(), S::new(create(value.clone()))));
            records = &records[new.record + 1..];
        }
    }

    /// For values that can be copied: a record whose key is known is not moved, it is read where it lies.
    fn combine_in_place<V: Clone, C>(
        &mut self,
        records: &mut Vec<(K, V)>,
        create: impl Fn(V) -> C,
        merge: impl Fn(C, V) -> C,
    ) where
        S: Slot<C>,
    {
        // Records of new keys are swapped to the front. No key is new in one record of a chunk and known in another,
        // so that the values of a key keep their order.
        let (mut new, mut start) = (0, 0);
        while let Some(found) = self.merge_known(&records[start..], &merge) {
            records.swap(new, start + found.record);
            new += 1;
            start += found.record + 1;
        }
        let new = records.drain(..).take(new);
        new.for_each(|(key, value)| self.combine_one(key, value, &create, &merge));
    }

    /// Merges records of known keys, up to the first one whose key is new.
    fn merge_known<V: Clone, C>(&mut self, records: &[(K, V)], merge: impl Fn(C, V) -> C) -> Option<NewKey>
    where
        S: Slot<C>,
    {
        let (index, entries, hasher) = (&self.index[..], &mut self.entries[..], &self.hasher);
        for (record, (key, value)) in records.iter().enumerate() {
            let hash = half(hasher, key);
            match find(index, entries, hash, key) {
                Ok(position) => entries[position].1.update(|combined| merge(combined, value.clone())),
                Err(at) => return Some(NewKey { record, hash, at }),
            }
        }
        None
    }

    #[inline(never)]
    fn combine_one<V, C>(&mut self, key: K, value: V, create: impl Fn(V) -> C, merge: impl Fn(C, V) -> C)
    where
        S: Slot<C>,
    {
        let hash = half(&self.hasher, &key);
        match find(&self.index, &self.entries, hash, &key) {
            Ok(position) => self.entries[position].1.update(|combined| merge(combined, value)),
            Err(at) => self.insert(at, hash, (key, S::new(create(value)))),
        }
    }

    fn insert(&mut self, at: usize, hash: u32, entry: (K, S)) {
        self.index[at] = (hash & !self.mask()) | self.entries.len() as u32;
        self.entries.push(entry);
        self.hashes.push(hash);
        if self.entries.len() * 2 > self.index.len() {
            let slots = self.index.len() * if self.index.len() < FAST_GROWTH_SLOTS { 4 } else { 2 };
            assert!(slots as u64 <= 1 << 32, "a task meets less than 3 billion different keys");
            self.index = vec![EMPTY; slots];
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

    #[inline(always)]
    fn mask(&self) -> u32 {
        (self.index.len() - 1) as u32
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

/// The position of the key's entry, or the place in the index where it would be entered.
#[inline(always)]
fn find<K: Eq, S>(index: &[u32], entries: &[(K, S)], hash: u32, key: &K) -> Result<usize, usize> {
    let mask = (index.len() - 1) as u32;
    let mut at = hash & mask;
    loop {
        let slot = index[at as usize];
        if (slot ^ hash) & !mask == 0
            && entries.get((slot & mask) as usize).is_some_and(|(known, _)| known == key)
        {
            return Ok((slot & mask) as usize);
        }
        if slot == EMPTY {
            return Err(at as usize);
        }
        at = (at + 1) & mask;
    }
}

/// An index for `keys` keys, half of it free: a fuller one is smaller, but its misses are harder to predict.
fn empty_index(keys: usize) -> Vec<u32> {
    vec![EMPTY; (keys.max(32) * 2).next_power_of_two()]
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
