//! What the clients of all servers have in common: deadlines, the way out of every wait, pauses between attempts, and how
//! other protocols are known. Each runs on the threads of the connector that uses it.

pub(crate) mod address;
pub(crate) mod backoff;
pub(crate) mod deadline;
pub(crate) mod strangers;
pub(crate) mod tcp;
pub(crate) mod way_out;
