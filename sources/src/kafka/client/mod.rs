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
#[cfg(feature = "kafka-crate")]
pub(crate) mod kafka_crate;
mod metadata;
pub(crate) mod native;
pub(crate) mod negotiation;
pub(crate) mod offsets;
mod probe;
pub(crate) mod settings;
#[cfg(feature = "tls")]
mod tls;
mod topics;
pub(crate) mod transport;
mod versions;

pub(crate) use crate::net::{backoff, deadline, way_out};

use std::sync::Arc;

/// A client of the cluster, over what the settings say.
pub(crate) fn connect(settings: settings::ClientSettings) -> Arc<dyn transport::Transport> {
    match settings.transport {
        settings::Transport::Native => Arc::new(native::NativeTransport::new(settings)),
        #[cfg(feature = "kafka-crate")]
        settings::Transport::KafkaCrate => Arc::new(kafka_crate::CrateTransport::new(settings)),
    }
}

#[cfg(test)]
mod tests;
