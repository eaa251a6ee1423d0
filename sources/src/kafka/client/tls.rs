//! [`TlsDialer`]: TLS over the connections of another dialer. The handshake runs on the thread that connects and within its
//! deadline; later each read takes what has come, and decrypts it on the thread that reads.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConnection};

use super::address::Address;
use super::deadline::Deadline;
use super::dialer::{Conn, DialError, Dialer, TcpDialer};
use super::way_out::{Shut, WayOut};
use crate::kafka::security::tls::TlsClient;
use crate::kafka::security::{CertificateProblem, SecurityError};
use crate::net::strangers::looks_like;

/// How much is read from the network at once: several records, each of which has up to 16 KiB.
const INPUT_BYTES: usize = 128 << 10;

/// How long it is waited for that a failed connection tells why.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Dials with TLS.
pub(crate) struct TlsDialer {
    tls: TlsClient,
}

impl TlsDialer {
    pub(crate) fn new(tls: TlsClient) -> Self {
        Self { tls }
    }
}

impl Dialer for TlsDialer {
    fn dial(&self, to: &Address, deadline: Deadline, way_out: &WayOut) -> Result<Box<dyn Conn>, DialError> {
        let name = match &self.tls.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(to.host().to_owned())
                .map_err(|_| DialError::Security(SecurityError::ServerName(to.host().to_owned())))?,
        };
        let tls = ClientConnection::new(Arc::clone(&self.tls.config), name.clone())
            .map_err(|error| DialError::Security(SecurityError::Tls(error.to_string())))?;
        let tcp = TcpDialer.dial(to, deadline, way_out)?;
        let Some(_led) = way_out.lead_to(tcp.shut_handle()) else { return Err(DialError::Stopped) };
        let mut conn = TlsConn {
            tcp,
            tls,
            name: name.to_str().into_owned(),
            has_certificate: self.tls.has_certificate,
            input: vec![0; INPUT_BYTES],
            taken: 0,
            filled: 0,
            first: [0; 4],
            received: 0,
            output: Vec::new(),
        };
        match conn.shake_hands(deadline) {
            Ok(()) => Ok(Box::new(conn)),
            Err(_) if way_out.is_closed() => Err(DialError::Stopped),
            Err(error) => Err(match security_error(&error) {
                Some(cause) => DialError::Security(cause),
                None if error.kind() == io::ErrorKind::TimedOut => DialError::Handshake,
                None => DialError::Security(SecurityError::ClosedInHandshake),
            }),
        }
    }
}

impl fmt::Debug for TlsDialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsDialer").finish_non_exhaustive()
    }
}

/// What TLS has found wrong with a connection, if that is what a read or write has failed with.
pub(crate) fn security_error(error: &io::Error) -> Option<SecurityError> {
    error.get_ref()?.downcast_ref::<SecurityError>().cloned()
}

struct TlsConn {
    tcp: Box<dyn Conn>,
    tls: ClientConnection,
    /// Whom the certificate has to be for.
    name: String,
    has_certificate: bool,
    /// What has come from the network; `taken..filled` of it was not given to `tls` yet.
    input: Vec<u8>,
    taken: usize,
    filled: usize,
    /// The first bytes that came, and how many bytes came.
    first: [u8; 4],
    received: usize,
    output: Vec<u8>,
}

impl TlsConn {
    fn shake_hands(&mut self, deadline: Deadline) -> io::Result<()> {
        while self.tls.is_handshaking() {
            if self.tls.wants_write() {
                self.flush(deadline)?;
            } else if !self.take(deadline)? {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
        }
        self.flush(deadline)
    }

    /// Gives `tls` bytes from the network, after a wait if none are there. `false`: there will be no more.
    fn take(&mut self, deadline: Deadline) -> io::Result<bool> {
        if self.taken == self.filled {
            (self.taken, self.filled) = (0, 0);
            let read = self.tcp.read(&mut self.input, deadline)?;
            if read == 0 {
                return Ok(false);
            }
            self.filled = read;
            let seen = self.received.min(self.first.len());
            let more = read.min(self.first.len() - seen);
            self.first[seen..seen + more].copy_from_slice(&self.input[..more]);
            self.received += read;
        }
        let mut rest = &self.input[self.taken..self.filled];
        self.tls.read_tls(&mut rest)?;
        self.taken = self.filled - rest.len();
        match self.tls.process_new_packets() {
            Ok(_) if self.tls.is_handshaking() => Ok(true),
            // Brokers change keys now and then, and want an answer.
            Ok(_) => self.flush(deadline).map(|()| true),
            Err(error) => {
                // The broker is told why, if it still listens.
                let _ = self.flush(Deadline::after(LAST_WORDS));
                Err(io::Error::new(io::ErrorKind::InvalidData, self.reason(error)))
            }
        }
    }

    fn flush(&mut self, deadline: Deadline) -> io::Result<()> {
        while self.tls.wants_write() {
            self.output.clear();
            self.tls.write_tls(&mut self.output)?;
            if let Err(error) = self.tcp.write_all(&self.output, deadline) {
                return Err(self.last_words().unwrap_or(error));
            }
        }
        Ok(())
    }

    /// A broker that ends a connection may have said why before.
    fn last_words(&mut self) -> Option<io::Error> {
        let deadline = Deadline::after(LAST_WORDS);
        loop {
            let read = self.tcp.read(&mut self.input, deadline).ok().filter(|read| *read > 0)?;
            let mut rest = &self.input[..read];
            while !rest.is_empty() {
                self.tls.read_tls(&mut rest).ok()?;
                if let Err(error) = self.tls.process_new_packets() {
                    return Some(io::Error::new(io::ErrorKind::InvalidData, self.reason(error)));
                }
            }
        }
    }

    fn reason(&self, error: rustls::Error) -> SecurityError {
        match error {
            rustls::Error::InvalidCertificate(error) => SecurityError::Certificate(self.problem(error)),
            rustls::Error::AlertReceived(alert) if is_about_client_certificate(alert) => {
                SecurityError::ClientCertificate { is_set: self.has_certificate, alert: format!("{alert:?}") }
            }
            rustls::Error::AlertReceived(alert) => SecurityError::Alert(format!("{alert:?}")),
            rustls::Error::InvalidMessage(_) if self.tls.is_handshaking() && self.first[0] != 0x16 => {
                SecurityError::NotTls { looks_like: looks_like(self.first) }
            }
            error => SecurityError::Tls(error.to_string()),
        }
    }

    fn problem(&self, error: CertificateError) -> CertificateProblem {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                CertificateProblem::Expired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                CertificateProblem::NotYetValid
            }
            CertificateError::NotValidForName => {
                CertificateProblem::WrongName { wanted: self.name.clone(), presented: Vec::new() }
            }
            CertificateError::NotValidForNameContext { presented, .. } => CertificateProblem::WrongName {
                wanted: self.name.clone(),
                presented: presented.iter().map(|name| plain_name(name).to_owned()).collect(),
            },
            CertificateError::UnknownIssuer => CertificateProblem::UnknownIssuer,
            CertificateError::Revoked => CertificateProblem::Revoked,
            error => CertificateProblem::Other(error.to_string()),
        }
    }
}

/// The name itself, out of the form in which rustls tells it: `DnsName("a.example")`, `IpAddress(192.0.2.1)`.
fn plain_name(told: &str) -> &str {
    let dns = told.strip_prefix("DnsName(\"").and_then(|rest| rest.strip_suffix("\")"));
    let ip = || told.strip_prefix("IpAddress(").and_then(|rest| rest.strip_suffix(')'));
    dns.or_else(ip).unwrap_or(told)
}

impl Conn for TlsConn {
    fn read(&mut self, room: &mut [u8], deadline: Deadline) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Whether the stream was closed in order makes no difference: answers have a length.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            if !self.take(deadline)? {
                return Ok(0);
            }
        }
    }

    fn write_all(&mut self, mut bytes: &[u8], deadline: Deadline) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self.tls.writer().write(bytes)?;
            bytes = &bytes[written..];
            self.flush(deadline)?;
        }
        Ok(())
    }

    fn shut_handle(&self) -> Weak<dyn Shut> {
        self.tcp.shut_handle()
    }
}

fn is_about_client_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}
