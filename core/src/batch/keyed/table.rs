//! The table that combines the values of equal keys: entries in order of their first appearance, and an index of
//! hashes into them. Used by one task at a time.
//!
//! Entries lie densely: frequent keys tend to appear early and so share cache lines, a grown index moves no entry,
//! and at the end the entries are a parcel as they are. A chunk of records is hashed whole, then looked up in the
//! index whole, then merged: none of these loops waits for the memory of the one before it.

use std::hash::Hash;

use super::slot::Slot;
use crate::hash::{KeyHasher, place};

/// Index slot of no entry. An entry's has its position plus one in the low half, its hash in the high half.
const EMPTY: u64 = 0;

pub(super) struct Table<K, S> {
    hasher: KeyHasher,
    /// A power of two; at most half of it is used.
    index: Vec<u64>,
    entries: Vec<(K, S)>,
    /// The high half of each entry's hash: all that places it, here and in a partition.
    hashes: Vec<u32>,
    /// Of the chunk at hand.
    chunk: Vec<Candidate>,
}

#[derive(Clone, Copy)]
struct Candidate {
    hash: u32,
    /// The first index slot of this hash, when it was looked up.
    slot: u64,
}

impl<K: Hash + Eq, S> Table<K, S> {
    /// A table with room for `keys` keys before it grows.
    pub(super) fn with_room(hasher: KeyHasher, keys: usize) -> Self {
        let slots = (keys.max(32) * 2).next_power_of_two();
        Self {
            hasher,
            index: vec![EMPTY; slots],
            entries: Vec::with_capacity(keys),
            hashes: Vec::with_capacity(keys),
            chunk: Vec::new(),
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

    /// Moves all records out of `records`: the first value of a key becomes `create` of it, each further one is
    /// merged into what is there.
    pub(super) fn combine<V, C>(
        &mut self,
        records: &mut Vec<(K, V)>,
        create: impl Fn(V) -> C,
        merge: impl Fn(C, V) -> C,
    ) where
        S: Slot<C>,
    {
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.clear();
        chunk.extend(records.iter().map(|(key, _)| Candidate { hash: half(&self.hasher, key), slot: EMPTY }));
        let mask = self.mask();
        for candidate in &mut chunk {
            candidate.slot = self.index[candidate.hash as usize & mask];
        }
        for ((key, value), candidate) in records.drain(..).zip(&chunk) {
            if let Some((known, slot)) = self.candidate(*candidate)
                && *known == key
            {
                slot.update(|combined| merge(combined, value));
            } else {
                self.combine_one(candidate.hash, key, value, &create, &merge);
            }
        }
        self.chunk = chunk;
    }

    #[inline(always)]
    fn candidate(&mut self, candidate: Candidate) -> Option<&mut (K, S)> {
        if candidate.slot == EMPTY || (candidate.slot >> 32) as u32 != candidate.hash {
            return None;
        }
        self.entries.get_mut(position(candidate.slot))
    }

    /// Looks further than the first index slot, and makes an entry if there is none.
    #[inline(never)]
    fn combine_one<V, C>(
        &mut self,
        hash: u32,
        key: K,
        value: V,
        create: impl Fn(V) -> C,
        merge: impl Fn(C, V) -> C,
    ) where
        S: Slot<C>,
    {
        let mask = self.mask();
        let mut at = hash as usize & mask;
        loop {
            let slot = self.index[at];
            if slot == EMPTY {
                break;
            }
            if (slot >> 32) as u32 == hash {
                let (known, combined) = &mut self.entries[position(slot)];
                if *known == key {
                    return combined.update(|combined| merge(combined, value));
                }
            }
            at = (at + 1) & mask;
        }
        self.index[at] = index_slot(hash, self.entries.len());
        self.entries.push((key, S::new(create(value))));
        self.hashes.push(hash);
        if self.entries.len() * 2 > self.index.len() {
            self.index = vec![EMPTY; self.index.len() * 2];
            self.fill_index();
        }
    }

    /// Enters all entries into an empty index.
    fn fill_index(&mut self) {
        let mask = self.mask();
        for (position, hash) in self.hashes.iter().enumerate() {
            let mut at = *hash as usize & mask;
            while self.index[at] != EMPTY {
                at = (at + 1) & mask;
            }
            self.index[at] = index_slot(*hash, position);
        }
    }

    fn mask(&self) -> usize {
        self.index.len() - 1
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

#[inline(always)]
fn index_slot(hash: u32, position: usize) -> u64 {
    let position = u32::try_from(position + 1).expect("a task meets less than 4 billion different keys");
    (u64::from(hash) << 32) | u64::from(position)
}

#[inline(always)]
fn position(slot: u64) -> usize {
    (slot as u32 - 1) as usize
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
