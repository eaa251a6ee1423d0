//! Values of equal keys in vectors: what `group_by_key` merges with, and the table a join looks keys up in.

use std::hash::Hash;

use super::slot::Taken;
use super::table::Table;
use crate::batch::chunks::Chunks;
use crate::batch::fault::Fault;
use crate::hash::KeyHasher;

pub(super) fn one<V>(value: V) -> Vec<V> {
    vec![value]
}

pub(super) fn pushed<V>(mut values: Vec<V>, value: V) -> Vec<V> {
    values.push(value);
    values
}

pub(super) fn joined<V>(mut values: Vec<V>, mut others: Vec<V>) -> Vec<V> {
    values.append(&mut others);
    values
}

/// All values of each key of a partition.
pub(crate) struct Groups<K, V> {
    table: Table<K, Taken<Vec<V>>>,
}

/// Reads a partition to its end, in its task.
pub(crate) fn group<K: Hash + Eq + Clone, V: Clone>(
    hasher: KeyHasher,
    mut pairs: Box<dyn Chunks<(K, V)>>,
) -> Result<Groups<K, V>, Fault> {
    let (mut table, mut chunk) = (Table::with_room(hasher, 0), Vec::new());
    loop {
        let more = pairs.next(&mut chunk)?;
        table.combine(&mut chunk, one, pushed);
        if !more {
            return Ok(Groups { table });
        }
    }
}

impl<K: Hash + Eq, V> Groups<K, V> {
    /// The values of a key, in the order they were read; none if it is not there.
    pub(crate) fn get(&self, key: &K) -> &[V] {
        self.table.get(key).map_or(&[], |values| values.value())
    }
}
