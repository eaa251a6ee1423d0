//! [`Security`]: how connections to the brokers are protected, and who the program is. Shared by the parameters of sources and
//! of producers; checked and read from files when they start.

mod error;
mod jaas;
mod names;
#[cfg(feature = "sasl")]
pub(crate) mod scram;
mod secret;
#[cfg(test)]
#[cfg(all(feature = "fake", feature = "sasl", feature = "tls"))]
mod tests;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use std::fmt;
use std::path::PathBuf;

pub use error::{CertificateProblem, ScramError, SecurityError};
pub(super) use names::{Applied, NAMES};
pub(crate) use secret::Secret;

/// Whether connections are encrypted, and whether brokers ask who the program is: `security.protocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SecurityProtocol {
    /// Neither. The default.
    #[default]
    Plaintext,
    /// TLS, maybe with a client certificate. Needs the feature `tls`.
    Ssl,
    /// A user and a password, without encryption. Needs the feature `sasl`.
    SaslPlaintext,
    /// A user and a password over TLS. Needs the features `tls` and `sasl`.
    SaslSsl,
}

impl SecurityProtocol {
    fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

impl fmt::Display for SecurityProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        })
    }
}

/// How a program says who it is: `sasl.mechanism`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SaslMechanism {
    /// The password itself is sent, so that it wants encryption (RFC 4616).
    Plain,
    /// Both sides prove that they know the password (RFC 5802, RFC 7677).
    ScramSha256,
    /// The same with SHA-512.
    ScramSha512,
}

impl fmt::Display for SaslMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        })
    }
}

/// How connections to the brokers are protected. All of them are, to those that were given and to those that the cluster
/// names: there is no way down to a weaker protocol.
///
/// ```
/// use batchmill_sources::kafka::{KafkaParams, SaslMechanism, Security, SecurityProtocol};
///
/// let security = Security::new(SecurityProtocol::SaslSsl)
///     .ca_file("/etc/kafka/ca.pem")
///     .sasl(SaslMechanism::ScramSha256, "alice", "secret");
/// let params = KafkaParams::new().security(security);
/// // The same, as it stands in a configuration for librdkafka:
/// let same = KafkaParams::from([
///     ("security.protocol", "SASL_SSL"),
///     ("ssl.ca.location", "/etc/kafka/ca.pem"),
///     ("sasl.mechanisms", "SCRAM-SHA-256"),
///     ("sasl.username", "alice"),
///     ("sasl.password", "secret"),
/// ]);
/// assert_eq!(params, same);
/// assert!(!format!("{params:?}").contains("secret"));
/// ```
///
/// TLS is rustls, which leaves cryptography to a provider that the program chooses: rustls-graviola, ring, aws-lc-rs
/// (rustls's features `ring` and `aws_lc_rs`; these two hold C and assembly). It is given with `provider`, or installed for
/// the process with rustls's `CryptoProvider::install_default`.
///
/// User names and passwords are taken as they are, in UTF-8, as Kafka's own clients do; they are not normalised (RFC 4013).
#[derive(Clone, Default, PartialEq)]
#[must_use]
pub struct Security {
    protocol: SecurityProtocol,
    ca: Option<Pem>,
    chain: Option<Pem>,
    key: Option<Pem>,
    server_name: Option<String>,
    ignores_host: bool,
    mechanism: Option<SaslMechanism>,
    user: Option<String>,
    password: Option<Secret>,
    #[cfg(feature = "tls")]
    provider: Option<tls::Provider>,
}

/// Where something in PEM form is.
#[derive(Clone, Debug, PartialEq)]
enum Pem {
    File(PathBuf),
    Bytes(Secret),
}

/// What is made of it when a client starts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secured {
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<tls::TlsClient>,
    #[cfg(feature = "sasl")]
    pub(crate) sasl: Option<Credentials>,
}

/// Who the program is.
#[cfg(feature = "sasl")]
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) mechanism: SaslMechanism,
    pub(crate) user: std::sync::Arc<str>,
    pub(crate) password: Secret,
}

impl Security {
    /// Whether connections are encrypted, and whether brokers ask who the program is.
    #[cfg(any(feature = "kafka-crate", feature = "zookeeper"))]
    pub(crate) fn protocol(&self) -> SecurityProtocol {
        self.protocol
    }

    /// Of this protocol. What it needs besides is said with the other methods.
    pub fn new(protocol: SecurityProtocol) -> Self {
        Self { protocol, ..Self::default() }
    }

    /// The certificates of those who are trusted to issue the brokers' certificates: a file in PEM form. Without one and
    /// without [`ca_pem`](Self::ca_pem) those of the system are trusted.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca = Some(Pem::File(path.into()));
        self
    }

    /// As [`ca_file`](Self::ca_file), with what would stand in it.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca = Some(Pem::Bytes(Secret::new(pem)));
        self
    }

    /// The certificate that the program shows, the certificates of its issuers behind it, and its private key: files in PEM
    /// form. The key must not be encrypted.
    pub fn client_certificate_files(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        (self.chain, self.key) = (Some(Pem::File(chain.into())), Some(Pem::File(key.into())));
        self
    }

    /// As [`client_certificate_files`](Self::client_certificate_files), with what would stand in them.
    pub fn client_certificate_pem(mut self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.chain = Some(Pem::Bytes(Secret::new(chain)));
        self.key = Some(Pem::Bytes(Secret::new(key)));
        self
    }

    /// The name that the brokers' certificates are for, all of them. If it is not set, it is the host that is connected to.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Takes certificates for any host, as long as somebody trusted has issued them: `ssl.endpoint.identification.algorithm`
    /// set to nothing. Whoever gets such a certificate can then play a broker.
    pub fn without_host_name_check(mut self) -> Self {
        self.ignores_host = true;
        self
    }

    /// Who does the cryptography of TLS; else whom the process has installed as its default.
    #[cfg(feature = "tls")]
    pub fn provider(mut self, provider: std::sync::Arc<rustls::crypto::CryptoProvider>) -> Self {
        self.provider = Some(tls::Provider(provider));
        self
    }

    /// Who the program is, and how it says so.
    pub fn sasl(
        mut self,
        mechanism: SaslMechanism,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        self.mechanism = Some(mechanism);
        self.user = Some(user.into());
        self.password = Some(Secret::new(password.into()));
        self
    }

    /// Checks it, and reads the files.
    pub(super) fn prepare(&self) -> Result<Secured, String> {
        let protocol = self.protocol;
        if !protocol.has_sasl()
            && (self.mechanism.is_some() || self.user.is_some() || self.password.is_some())
        {
            return Err(format!(
                "a SASL mechanism, user or password is set, and security.protocol is {protocol}: use SASL_SSL or \
                 SASL_PLAINTEXT"
            ));
        }
        if !protocol.has_tls() && (self.ca.is_some() || self.chain.is_some() || self.key.is_some()) {
            return Err(format!(
                "certificates are set, and security.protocol is {protocol}: use SSL or SASL_SSL"
            ));
        }
        Ok(Secured {
            #[cfg(feature = "tls")]
            tls: if protocol.has_tls() { Some(tls::client(self)?) } else { None },
            #[cfg(feature = "sasl")]
            sasl: if protocol.has_sasl() { Some(self.credentials()?) } else { None },
        })
        .and_then(|secured| self.is_built().map(|()| secured))
    }

    /// Whether the features that the protocol needs are there.
    fn is_built(&self) -> Result<(), String> {
        let missing = |feature| {
            Err(format!(
                "security.protocol = {} needs the feature {feature:?} of batchmill-sources",
                self.protocol
            ))
        };
        if self.protocol.has_tls() && !cfg!(feature = "tls") {
            return missing("tls");
        }
        if self.protocol.has_sasl() && !cfg!(feature = "sasl") {
            return missing("sasl");
        }
        Ok(())
    }

    #[cfg(feature = "sasl")]
    fn credentials(&self) -> Result<Credentials, String> {
        let protocol = self.protocol;
        let mechanism = self.mechanism.ok_or_else(|| {
            format!(
                "security.protocol = {protocol} needs sasl.mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
            )
        })?;
        let (Some(user), Some(password)) = (&self.user, &self.password) else {
            return Err(format!(
                "security.protocol = {protocol} needs a user and a password (sasl.username, sasl.password)"
            ));
        };
        if user.is_empty() || user.contains('\0') || password.expose().contains(&0) {
            return Err(
                "a user of SASL has a name, and neither name nor password have a zero byte".to_owned()
            );
        }
        if mechanism == SaslMechanism::Plain && !protocol.has_tls() {
            log::warn!(
                "the password of {user:?} goes to the Kafka brokers without encryption (SASL_PLAINTEXT, PLAIN)"
            );
        }
        Ok(Credentials { mechanism, user: user.as_str().into(), password: password.clone() })
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security")
            .field("protocol", &self.protocol)
            .field("ca", &self.ca)
            .field("chain", &self.chain)
            .field("key", &self.key)
            .field("server_name", &self.server_name)
            .field("mechanism", &self.mechanism)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
