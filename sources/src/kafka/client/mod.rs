//! Connections to the brokers of a cluster, and what is asked on them.

pub(crate) mod deadline;
pub(crate) mod fetch;
pub(crate) mod transport;
