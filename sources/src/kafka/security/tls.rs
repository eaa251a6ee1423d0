//! [`TlsClient`]: what a TLS connection to a broker is made with, out of [`Security`]. Files are read when a client starts,
//! on the thread that starts it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::{Pem, Security};

/// Where systems keep the certificates that they trust, in one file of PEM form.
const SYSTEM_CAS: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Who does the cryptography. Two are equal if they are the same.
#[derive(Clone, Debug)]
pub(crate) struct Provider(pub(super) Arc<CryptoProvider>);

impl PartialEq for Provider {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What TLS connections to the brokers are made with.
#[derive(Clone, Debug)]
pub(crate) struct TlsClient {
    pub(crate) config: Arc<ClientConfig>,
    /// Whom the certificates are for, where it is not the host.
    pub(crate) server_name: Option<ServerName<'static>>,
    pub(crate) has_certificate: bool,
}

/// Reads and checks what TLS needs.
pub(super) fn client(security: &Security) -> Result<TlsClient, String> {
    let provider = match &security.provider {
        Some(Provider(provider)) => Arc::clone(provider),
        None => Arc::clone(CryptoProvider::get_default().ok_or(
            "TLS has nobody to do its cryptography: give a provider with Security::provider, or install one for the \
             process, such as rustls::crypto::ring::default_provider().install_default()",
        )?),
    };
    let roots = roots(security.ca.as_ref())?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("the provider of cryptography cannot do TLS: {error}"))?;
    let builder = if security.ignores_host {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyHost { roots, provider }))
    } else {
        builder.with_root_certificates(roots)
    };
    let config = match (&security.chain, &security.key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(chain), Some(key)) => builder
            .with_client_auth_cert(certificates("the client certificate", chain)?, private_key(key)?)
            .map_err(|error| format!("the client certificate and its key cannot be used: {error}"))?,
        _ => return Err("a client certificate needs its private key, and the key its certificate".to_owned()),
    };
    let name = |name: &String| {
        ServerName::try_from(name.clone())
            .map_err(|_| format!("{name:?} is no name that a certificate can have"))
    };
    Ok(TlsClient {
        config: Arc::new(config),
        server_name: security.server_name.as_ref().map(name).transpose()?,
        has_certificate: security.chain.is_some(),
    })
}

fn roots(ca: Option<&Pem>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(ca) = ca else {
        let file = SYSTEM_CAS.iter().map(Path::new).find(|path| path.exists()).ok_or_else(|| {
            format!(
                "no certificates are trusted: set ssl.ca.location; there is none of {}",
                SYSTEM_CAS.join(", ")
            )
        })?;
        // What a system keeps may be of any age and form.
        roots.add_parsable_certificates(certificates("the system's certificates", &Pem::File(file.into()))?);
        return Ok(roots);
    };
    for certificate in certificates("the trusted certificates", ca)? {
        roots
            .add(certificate)
            .map_err(|error| format!("{}: {error}", place("the trusted certificates", ca)))?;
    }
    Ok(roots)
}

fn certificates(what: &str, pem: &Pem) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = read(what, pem)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(format!("{} holds no certificate in PEM form{}", place(what, pem), hint(&bytes))),
        Err(error) => Err(format!("{} is not of PEM form: {error}", place(what, pem))),
    }
}

fn private_key(pem: &Pem) -> Result<PrivateKeyDer<'static>, String> {
    let what = "the key of the client certificate";
    let bytes = read(what, pem)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
        let encrypted = b"ENCRYPTED";
        let hint = if bytes.windows(encrypted.len()).any(|window| window == encrypted) {
            "; it is encrypted: `openssl pkcs8 -topk8 -nocrypt -in key.pem -out plain.pem`"
        } else {
            hint(&bytes)
        };
        format!("{} holds no private key in PEM form{hint}", place(what, pem))
    })
}

fn read(what: &str, pem: &Pem) -> Result<Vec<u8>, String> {
    match pem {
        Pem::File(path) => {
            fs::read(path).map_err(|error| format!("{}: {error}", place(what, &Pem::File(path.clone()))))
        }
        Pem::Bytes(bytes) => Ok(bytes.expose().to_vec()),
    }
}

fn place(what: &str, pem: &Pem) -> String {
    match pem {
        Pem::File(path) => format!("{what} in {}", path.display()),
        Pem::Bytes(_) => what.to_owned(),
    }
}

/// What a file looks like that is not PEM.
fn hint(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xfe, 0xed, 0xfe, 0xed, ..] => {
            "; it is a JKS store: `keytool -importkeystore -srckeystore s.jks -destkeystore s.p12 -deststoretype PKCS12`, \
             then `openssl pkcs12 -in s.p12 -nodes -out s.pem`"
        }
        [0x30, 0x80..=0x84, ..] => {
            "; it is binary (PKCS12 or DER): `openssl pkcs12 -in s.p12 -nodes -out s.pem`, or `openssl x509 -inform der`"
        }
        _ => "",
    }
}

/// Takes the certificate of any host, if somebody trusted has issued it.
#[derive(Debug)]
struct AnyHost {
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
