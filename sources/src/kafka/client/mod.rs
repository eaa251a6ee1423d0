//! Connections to the brokers of a cluster, and what is asked on them.

pub(crate) mod address;
#[cfg(feature = "sasl")]
mod authentication;
pub(crate) mod cluster;
pub(crate) mod connection;
pub(crate) mod control;
pub(crate) mod dialer;
pub(crate) mod fetch;
pub(crate) mod groups;
mod leader_epochs;
mod metadata;
pub(crate) mod native;
pub(crate) mod negotiation;
mod offsets;
mod probe;
pub(crate) mod settings;
#[cfg(feature = "tls")]
mod tls;
mod topics;
pub(crate) mod transport;
mod versions;

pub(crate) use crate::net::{backoff, deadline, way_out};

#[cfg(test)]
mod tests;
