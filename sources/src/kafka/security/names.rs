//! The names under which the Java client and librdkafka know the settings of security.

use super::jaas;
use super::{Pem, SaslMechanism, Secret, Security, SecurityProtocol};

/// What [`Security::set`] knows, for suggestions.
pub(in crate::kafka) const NAMES: &[&str] = &[
    "enable.ssl.certificate.verification",
    "sasl.jaas.config",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// Names with a meaning for other clients only.
const WITHOUT_MEANING: &[&str] = &[
    "sasl.kerberos.service.name",
    "security.providers",
    "ssl.cipher.suites",
    "ssl.curves.list",
    "ssl.enabled.protocols",
    "ssl.keymanager.algorithm",
    "ssl.protocol",
    "ssl.provider",
    "ssl.secure.random.implementation",
    "ssl.sigalgs.list",
    "ssl.trustmanager.algorithm",
];

/// What a setting came to.
pub(in crate::kafka) enum Applied {
    /// It was one of these, and is kept.
    Done,
    /// It is one of these, and means nothing here.
    Unused,
    /// It is none of these.
    Unknown,
}

impl Security {
    /// Sets what other clients call `name`. No mistake that it tells has a secret in it.
    pub(in crate::kafka) fn set(&mut self, name: &str, value: &str) -> Result<Applied, String> {
        let word = value.trim();
        match name {
            "security.protocol" => self.protocol = protocol(word)?,
            "sasl.mechanism" | "sasl.mechanisms" => self.mechanism = Some(mechanism(name, word)?),
            "sasl.username" => self.user = Some(value.to_owned()),
            "sasl.password" => self.password = Some(Secret::new(value)),
            "sasl.jaas.config" => {
                let login = jaas::parse(value)?;
                (self.user, self.password) = (Some(login.user), Some(Secret::new(login.password)));
            }
            "ssl.ca.location" | "ssl.truststore.location" => self.ca = Some(Pem::File(word.into())),
            "ssl.ca.pem" | "ssl.truststore.certificates" => self.ca = Some(Pem::Bytes(Secret::new(value))),
            "ssl.certificate.location" => self.chain = Some(Pem::File(word.into())),
            "ssl.certificate.pem" | "ssl.keystore.certificate.chain" => {
                self.chain = Some(Pem::Bytes(Secret::new(value)));
            }
            "ssl.key.location" => self.key = Some(Pem::File(word.into())),
            "ssl.key.pem" | "ssl.keystore.key" => self.key = Some(Pem::Bytes(Secret::new(value))),
            // Java has both in one file.
            "ssl.keystore.location" => {
                (self.chain, self.key) = (Some(Pem::File(word.into())), Some(Pem::File(word.into())));
            }
            "ssl.truststore.type" | "ssl.keystore.type" => store_type(name, word)?,
            "ssl.endpoint.identification.algorithm" => self.ignores_host = ignores_host(name, word)?,
            "enable.ssl.certificate.verification" if word != "true" => {
                return Err(format!(
                    "{name} = {word}: certificates are always verified; trust an own issuer with ssl.ca.location, and \
                     take any host with an empty ssl.endpoint.identification.algorithm"
                ));
            }
            "enable.ssl.certificate.verification" => {}
            "ssl.key.password" | "ssl.keystore.password" | "ssl.truststore.password" if value.is_empty() => {}
            "ssl.key.password" | "ssl.keystore.password" | "ssl.truststore.password" => {
                return Err(format!(
                    "{name} is set, and encrypted files are not read: write a key without its password, `openssl pkcs8 \
                     -topk8 -nocrypt -in key.pem -out plain.pem`, and protect the file"
                ));
            }
            _ if WITHOUT_MEANING.contains(&name) => return Ok(Applied::Unused),
            // Not the value: what is misspelt here may be a password.
            _ if ["ssl.", "sasl."].iter().any(|prefix| name.starts_with(prefix)) => {
                return Err(crate::kafka::params::names::unknown(name, &[NAMES]));
            }
            _ => return Ok(Applied::Unknown),
        }
        Ok(Applied::Done)
    }
}

fn protocol(value: &str) -> Result<SecurityProtocol, String> {
    match value.to_ascii_uppercase().as_str() {
        "PLAINTEXT" => Ok(SecurityProtocol::Plaintext),
        "SSL" => Ok(SecurityProtocol::Ssl),
        "SASL_PLAINTEXT" => Ok(SecurityProtocol::SaslPlaintext),
        "SASL_SSL" => Ok(SecurityProtocol::SaslSsl),
        _ => Err(format!("security.protocol = {value}: use PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL")),
    }
}

fn mechanism(name: &str, value: &str) -> Result<SaslMechanism, String> {
    match value.to_ascii_uppercase().as_str() {
        "PLAIN" => Ok(SaslMechanism::Plain),
        "SCRAM-SHA-256" => Ok(SaslMechanism::ScramSha256),
        "SCRAM-SHA-512" => Ok(SaslMechanism::ScramSha512),
        _ => Err(format!("{name} = {value}: use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")),
    }
}

fn store_type(name: &str, value: &str) -> Result<(), String> {
    let which = if name.contains("truststore") { "-nokeys" } else { "-nodes" };
    match value.to_ascii_uppercase().as_str() {
        "PEM" => Ok(()),
        "JKS" => Err(format!(
            "{name} = JKS: only PEM is read; convert it: `keytool -importkeystore -srckeystore s.jks -destkeystore s.p12 \
             -deststoretype PKCS12`, then `openssl pkcs12 -in s.p12 {which} -out s.pem`"
        )),
        _ => Err(format!(
            "{name} = {value}: only PEM is read; convert it: `openssl pkcs12 -in s.p12 {which} -out s.pem`"
        )),
    }
}

fn ignores_host(name: &str, value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "https" => Ok(false),
        "" | "none" => Ok(true),
        _ => Err(format!("{name} = {value}: use https, or nothing at all for no check of the host's name")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::{KafkaParams, ProducerParams};

    fn mistake(name: &str, value: &str) -> String {
        Security::default().set(name, value).err().unwrap_or_default()
    }

    #[test]
    fn names_of_both_clients_mean_the_same() {
        let java = KafkaParams::from([
            ("security.protocol", "SASL_SSL"),
            ("ssl.truststore.type", "PEM"),
            ("ssl.truststore.location", "/ca.pem"),
            ("ssl.endpoint.identification.algorithm", ""),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            (
                "sasl.jaas.config",
                r#"org.apache.kafka.common.security.scram.ScramLoginModule required username="u" password=" p ";"#,
            ),
        ]);
        let librdkafka = KafkaParams::from([
            ("security.protocol", "sasl_ssl"),
            ("ssl.ca.location", "/ca.pem"),
            ("ssl.endpoint.identification.algorithm", "none"),
            ("enable.ssl.certificate.verification", "true"),
            ("sasl.mechanisms", "SCRAM-SHA-512"),
            ("sasl.username", "u"),
            ("sasl.password", " p "),
        ]);
        assert_eq!(java, librdkafka);
        assert_eq!((java.check(), librdkafka.check()), (Ok(()), Ok(())));
    }

    #[test]
    fn mistakes_tell_what_to_do() {
        assert!(mistake("ssl.truststore.type", "JKS").contains("keytool"));
        assert!(mistake("ssl.keystore.type", "PKCS12").contains("openssl pkcs12"));
        assert!(mistake("enable.ssl.certificate.verification", "false").contains("always verified"));
        assert!(mistake("sasl.mechanism", "GSSAPI").contains("SCRAM-SHA-256"));
        assert!(mistake("security.protocol", "TLS").contains("SASL_SSL"));
        assert!(mistake("ssl.ca.locaton", "x").contains("did you mean ssl.ca.location"));
    }

    #[test]
    fn no_mistake_and_no_debug_shows_a_secret() {
        let secret = "hunter2";
        let mut shown = Vec::new();
        for name in NAMES.iter().chain(&["sasl.pasword", "sasl.password.file", "ssl.key"]) {
            if ["security.protocol", "sasl.mechanism", "sasl.mechanisms"].contains(name)
                || ["type", "algorithm", "verification", "location"].iter().any(|end| name.ends_with(end))
            {
                continue;
            }
            let (params, producer) =
                (KafkaParams::from([(*name, secret)]), ProducerParams::from([(*name, secret)]));
            shown.push(format!(
                "{params:?} {producer:?} {:?} {:?}",
                params.check(),
                params.client_settings("a:1").err()
            ));
            shown.push(format!("{:?}", producer.client_settings("a:1").err()));
        }
        let security = Security::new(SecurityProtocol::SaslSsl).client_certificate_pem("chain", secret).sasl(
            SaslMechanism::Plain,
            "me",
            secret,
        );
        shown.push(format!("{security:?} {:?}", security.prepare().err()));
        let bare = format!("{:?}", secret.as_bytes());
        for text in shown {
            // The user's name may be seen.
            let text = text.replace(r#"user: Some("hunter2")"#, "");
            assert!(!text.contains(secret) && !text.contains(&bare), "{text}");
        }
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn what_is_not_built_names_its_feature() {
        let params = KafkaParams::from([("security.protocol", "SSL")]);
        assert!(params.client_settings("a:1").unwrap_err().contains("needs the feature \"tls\""));
    }

    #[test]
    fn what_the_protocol_does_not_use_is_a_mistake() {
        let params = KafkaParams::from([("sasl.username", "u"), ("sasl.password", "p")]);
        assert!(params.client_settings("a:1").unwrap_err().contains("use SASL_SSL"));
        let params = KafkaParams::from([("ssl.ca.location", "/ca.pem")]);
        assert!(params.client_settings("a:1").unwrap_err().contains("use SSL"));
    }
}
