//! Why a connection to a broker is not as secure as it has to be, so that there is none. The broker is named by the
//! [`KafkaError`](super::super::KafkaError) around it. No error has a password or a key in it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::SaslMechanism;

/// Why TLS or authentication failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecurityError {
    /// What answers does not speak TLS.
    NotTls {
        /// What it looks like, where that is known.
        looks_like: Option<&'static str>,
    },
    /// The connection was closed during the TLS handshake, as a port without TLS does. It is tried again, for a broker that
    /// stops does the same.
    ClosedInHandshake,
    /// The broker's certificate cannot be trusted.
    Certificate(CertificateProblem),
    /// The broker does not take our certificate, or misses one.
    ClientCertificate {
        /// Whether one is set.
        is_set: bool,
        /// What the broker says, by the name that TLS has for it.
        alert: String,
    },
    /// The broker ended the TLS connection.
    Alert(String),
    /// TLS failed otherwise; in words.
    Tls(String),
    /// The system gives no random numbers, which SCRAM needs; in words.
    Random(String),
    /// The host that was connected to cannot stand in a certificate.
    ServerName(String),
    /// The broker does not offer the mechanism.
    Mechanism {
        /// The one that is set.
        mechanism: SaslMechanism,
        /// Those that it offers; none where it knows no SaslHandshake or asks for no authentication at that port.
        offered: Arc<[String]>,
    },
    /// The broker does not accept the user with this password. It is not tried again.
    Refused {
        /// By which mechanism.
        mechanism: SaslMechanism,
        /// The name of the user.
        user: Arc<str>,
        /// What the broker says about it, if anything.
        message: Option<String>,
    },
    /// The broker closed the connection during authentication, as releases before 1.0 do at a wrong password. It is tried
    /// again, for a broker that stops does the same.
    ClosedInAuthentication {
        /// By which mechanism.
        mechanism: SaslMechanism,
        /// The name of the user.
        user: Arc<str>,
    },
    /// The broker does not follow SCRAM, or does not know the user's password itself.
    Scram {
        /// Which SCRAM.
        mechanism: SaslMechanism,
        /// What is wrong.
        cause: ScramError,
    },
}

/// Why a broker's certificate is not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
    /// It is for another host.
    WrongName {
        /// The host that was connected to, or the name that is set.
        wanted: String,
        /// The names that it is for, where they are known.
        presented: Vec<String>,
    },
    /// None of the trusted authorities has issued it.
    UnknownIssuer,
    /// It was revoked.
    Revoked,
    /// Something else; in words.
    Other(String),
}

/// What is wrong with a broker's part of SCRAM (RFC 5802).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScramError {
    /// A message is not of the form it has to be.
    Malformed(&'static str),
    /// The nonce does not begin with ours, or adds nothing.
    Nonce,
    /// The count of iterations is not from 4096 to 1,000,000: fewer are too weak, more keep us busy.
    Iterations(u64),
    /// The broker cannot prove that it knows the password.
    Signature,
    /// The broker answers with an error of SCRAM.
    Server(String),
}

impl SecurityError {
    /// Whether another attempt may be good.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::ClosedInHandshake | Self::ClosedInAuthentication { .. })
    }
}

impl fmt::Display for SecurityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTls { looks_like: Some(other) } => {
                write!(
                    f,
                    "it does not speak TLS, this looks like {other}; check the port, and security.protocol"
                )
            }
            Self::NotTls { looks_like: None } => {
                write!(f, "it does not speak TLS; check the port, and security.protocol")
            }
            Self::ClosedInHandshake => {
                write!(f, "it closed the connection during the TLS handshake, as a port without TLS does")
            }
            Self::Certificate(problem) => write!(f, "its certificate {problem}"),
            Self::ClientCertificate { is_set: true, alert } => {
                write!(f, "it does not take the client certificate that is set ({alert})")
            }
            Self::ClientCertificate { is_set: false, alert } => {
                write!(f, "it wants a client certificate, and none is set ({alert})")
            }
            Self::Alert(alert) => write!(f, "it ended the TLS connection ({alert})"),
            Self::Tls(reason) => write!(f, "TLS failed: {reason}"),
            Self::Random(reason) => write!(f, "the system has no random numbers: {reason}"),
            Self::ServerName(host) => {
                write!(f, "{host:?} is no name that a certificate can have; set the server's name")
            }
            Self::Mechanism { mechanism, offered } if offered.is_empty() => {
                write!(f, "it offers no SASL there, and {mechanism} is set; check the port")
            }
            Self::Mechanism { mechanism, offered } => {
                write!(f, "it does not offer {mechanism}, but {}", offered.join(", "))
            }
            Self::Refused { mechanism, user, message } => {
                write!(f, "it refuses user {user:?} by {mechanism}")?;
                message.iter().try_for_each(|message| write!(f, ": {message}"))
            }
            Self::ClosedInAuthentication { mechanism, user } => write!(
                f,
                "it closed the connection while user {user:?} was authenticated by {mechanism}, as releases before 1.0 do \
                 at a wrong password"
            ),
            Self::Scram { mechanism, cause } => write!(f, "its answer in {mechanism} {cause}"),
        }
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("has expired"),
            Self::NotYetValid => f.write_str("is not valid yet; check the clock"),
            Self::WrongName { wanted, presented } if presented.is_empty() => {
                write!(f, "is not for {wanted}")
            }
            Self::WrongName { wanted, presented } => {
                write!(f, "is not for {wanted} but for {}", presented.join(", "))
            }
            Self::UnknownIssuer => f.write_str("was issued by nobody who is trusted; set ssl.ca.location"),
            Self::Revoked => f.write_str("was revoked"),
            Self::Other(reason) => write!(f, "is of no use: {reason}"),
        }
    }
}

impl fmt::Display for ScramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "is not of the right form: {what}"),
            Self::Nonce => f.write_str("does not extend our nonce"),
            Self::Iterations(count) => {
                write!(f, "asks for {count} iterations, which is not from 4096 to 1000000")
            }
            Self::Signature => f.write_str("does not prove that it knows the password"),
            Self::Server(error) => write!(f, "is the error {error:?}"),
        }
    }
}

impl Error for SecurityError {}

impl Error for ScramError {}
