//! The hash of a key: computed once in a task's chunk loop; its high half places the key in a partition, its low half
//! finds it in a table.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use foldhash::fast::FixedState;

/// Hashes keys under the seed of a context. Equal seeds give equal hashes in every process of one build.
#[derive(Clone)]
pub(crate) struct KeyHasher {
    seed: u64,
    state: FixedState,
}

impl KeyHasher {
    pub(crate) fn with_seed(seed: u64) -> Self {
        Self { seed, state: FixedState::with_seed(seed) }
    }

    /// A seed nobody can foretell, so that keys from outside cannot be chosen to collide.
    pub(crate) fn random_seed() -> u64 {
        RandomState::new().hash_one(0_u64)
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    #[inline(always)]
    #[expect(clippy::manual_hash_one, reason = "hash_one stays a call in the middle of the chunk loop")]
    pub(crate) fn hash<K: Hash + ?Sized>(&self, key: &K) -> u64 {
        let mut hasher = self.state.build_hasher();
        key.hash(&mut hasher);
        hasher.finish()
    }
}

/// The partition, of `partitions`, that a key with this hash belongs to: the high half scaled down, so that any
/// number of partitions gets even shares.
#[inline]
pub(crate) fn place(hash: u64, partitions: usize) -> usize {
    (((hash >> 32) * partitions as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_hashes_and_others_do_not() {
        let hash = |seed| KeyHasher::with_seed(seed).hash("key");
        assert_eq!(hash(1), hash(1));
        assert_ne!(hash(1), hash(2));
    }

    #[test]
    fn keys_are_spread_evenly_over_any_number_of_partitions() {
        let hasher = KeyHasher::with_seed(7);
        for partitions in [1, 2, 3, 7, 64] {
            let mut filled = vec![0_usize; partitions];
            (0..64_000_u64).for_each(|key| filled[place(hasher.hash(&key), partitions)] += 1);
            let fair = 64_000 / partitions;
            assert!(filled.iter().all(|&n| n > fair * 8 / 10 && n < fair * 12 / 10), "{filled:?}");
        }
    }
}
