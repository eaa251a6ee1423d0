//! Connections to the brokers of a cluster, and what is asked on them.

pub(crate) mod address;
pub(crate) mod backoff;
pub(crate) mod deadline;
pub(crate) mod dialer;
pub(crate) mod fetch;
pub(crate) mod settings;
pub(crate) mod transport;
pub(crate) mod way_out;
