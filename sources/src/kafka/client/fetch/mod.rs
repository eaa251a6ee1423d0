//! Fetching records: a thread for each broker that leads partitions which are wanted.

pub(crate) mod block;
