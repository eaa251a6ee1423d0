//! TLS and SASL against the fake cluster, from the parameters on.

mod authentication;
mod certificates;
mod encryption;

use std::sync::Arc;
use std::time::Duration;

use crate::kafka::{
    KafkaCluster, KafkaError, KafkaParams, SaslMechanism, Security, SecurityError, SecurityProtocol,
};

fn ring() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Parameters that do not make a test wait.
fn params(security: Security) -> KafkaParams {
    KafkaParams::new()
        .security(security)
        .connect_timeout(Duration::from_secs(10))
        .request_timeout(Duration::from_secs(10))
        .backoff(Duration::from_millis(1), Duration::from_millis(10))
}

fn tls(ca: &str) -> Security {
    Security::new(SecurityProtocol::Ssl).provider(ring()).ca_pem(ca)
}

fn sasl(mechanism: SaslMechanism, password: &str) -> Security {
    Security::new(SecurityProtocol::SaslPlaintext).sasl(mechanism, "alice", password)
}

/// What a first question comes to.
fn topics(brokers: impl Into<String>, params: KafkaParams) -> Result<Vec<Arc<str>>, KafkaError> {
    KafkaCluster::connect(brokers, params)?.topics()
}

/// Why a client does not get through to any broker.
fn cause(error: KafkaError) -> KafkaError {
    match error {
        KafkaError::NoBroker { cause, .. } => cause.as_ref().clone(),
        other => other,
    }
}

/// The trouble with security, which is what it has to be.
fn trouble(error: KafkaError) -> SecurityError {
    match cause(error) {
        KafkaError::Security { broker, cause } => {
            assert!(broker.starts_with("127.0.0.1:") || broker.starts_with("localhost:"), "{broker}");
            cause
        }
        other => panic!("{other}"),
    }
}
