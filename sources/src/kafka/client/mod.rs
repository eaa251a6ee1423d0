//! Connections to the brokers of a cluster, and what is asked on them.

pub(crate) mod address;
pub(crate) mod backoff;
mod cluster;
mod connection;
mod control;
pub(crate) mod deadline;
pub(crate) mod dialer;
pub(crate) mod fetch;
mod groups;
mod leader_epochs;
mod metadata;
pub(crate) mod native;
mod negotiation;
mod offsets;
mod probe;
pub(crate) mod settings;
mod topics;
pub(crate) mod transport;
mod versions;
mod way_out;

#[cfg(test)]
mod tests;
