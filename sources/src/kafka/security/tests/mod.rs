//! TLS and SASL against the fake cluster, from the parameters on.

mod authentication;
mod certificates;
mod encryption;

use std::sync::{Arc, Once};
use std::time::Duration;

use parking_lot::Mutex;

use crate::kafka::{
    KafkaCluster, KafkaError, KafkaParams, SaslMechanism, Security, SecurityError, SecurityProtocol,
};

/// All that was logged in this process, by any test.
static LOGGED: Mutex<String> = Mutex::new(String::new());

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        *LOGGED.lock() += &format!("{}\n", record.args());
    }

    fn flush(&self) {}
}

/// Keeps what is logged from now on.
fn listen_to_logs() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        log::set_logger(&Logger).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
}

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
