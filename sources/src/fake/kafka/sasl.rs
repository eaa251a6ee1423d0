//! [`FakeSasl`]: the users of a fake cluster, and what its brokers do to find out who a client is. Departs from a real broker
//! so: a session that is over is not ended, unless the client asks for something with it; all brokers take all mechanisms.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::kafka::SaslMechanism;
use crate::kafka::security::scram::Hash;

/// The salt of all users.
const SALT: &[u8] = b"salt of the fake";

/// Users and their passwords, and how they are asked for.
///
/// ```
/// use batchmill_sources::fake::kafka::{FakeKafka, FakeSasl};
/// use batchmill_sources::kafka::{KafkaCluster, KafkaParams, SaslMechanism, Security, SecurityProtocol};
///
/// let fake = FakeKafka::builder().sasl(FakeSasl::new().user("alice", "secret")).topic("lines", 1).start()?;
/// let security = Security::new(SecurityProtocol::SaslPlaintext);
/// let params = KafkaParams::new().security(security.sasl(SaslMechanism::ScramSha256, "alice", "secret"));
/// assert_eq!(KafkaCluster::connect(fake.bootstrap(), params)?.partitions("lines")?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct FakeSasl {
    users: BTreeMap<String, String>,
    mechanisms: Vec<SaslMechanism>,
    iterations: u32,
    lifetime: Duration,
    rewrite: Option<Arc<Rewrite>>,
}

type Rewrite = dyn Fn(String) -> String + Send + Sync;

impl Default for FakeSasl {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeSasl {
    /// Without users, with all mechanisms.
    pub fn new() -> Self {
        Self {
            users: BTreeMap::new(),
            mechanisms: vec![SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512],
            iterations: 4_096,
            lifetime: Duration::ZERO,
            rewrite: None,
        }
    }

    /// Has a user.
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.users.insert(name.into(), password.into());
        self
    }

    /// Offers these mechanisms only.
    pub fn mechanisms(mut self, mechanisms: impl IntoIterator<Item = SaslMechanism>) -> Self {
        self.mechanisms = mechanisms.into_iter().collect();
        self
    }

    /// How often SCRAM hashes a password; 4096 if it is not set.
    pub fn iterations(mut self, iterations: u32) -> Self {
        self.iterations = iterations;
        self
    }

    /// Tells clients that their sessions last so long, where the release can (2.2); for ever if it is not set.
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sends what `rewrite` makes of the messages of SCRAM: the broker of somebody evil.
    pub fn rewrite_scram(mut self, rewrite: impl Fn(String) -> String + Send + Sync + 'static) -> Self {
        self.rewrite = Some(Arc::new(rewrite));
        self
    }

    pub(super) fn offered(&self) -> Vec<String> {
        self.mechanisms.iter().map(SaslMechanism::to_string).collect()
    }

    pub(super) fn mechanism(&self, name: &str) -> Option<SaslMechanism> {
        self.mechanisms.iter().copied().find(|mechanism| mechanism.to_string() == name)
    }

    pub(super) fn lifetime_ms(&self) -> i64 {
        i64::try_from(self.lifetime.as_millis()).unwrap_or(i64::MAX)
    }

    fn rewritten(&self, message: String) -> Vec<u8> {
        self.rewrite.as_ref().map_or(message.clone(), |rewrite| rewrite(message)).into_bytes()
    }
}

impl fmt::Debug for FakeSasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeSasl").field("users", &self.users.keys()).finish_non_exhaustive()
    }
}

/// How far a connection has come.
#[derive(Debug, Default)]
pub(super) enum Session {
    #[default]
    New,
    /// A mechanism was chosen; its tokens come bare, or in requests.
    Chosen {
        mechanism: SaslMechanism,
        bare: bool,
    },
    /// SCRAM waits for the client's proof.
    Challenged {
        scram: Scram,
        bare: bool,
    },
    Done,
}

impl Session {
    /// Whether the next frame is a token and nothing else.
    pub(super) fn wants_bare_token(&self) -> bool {
        matches!(self, Self::Chosen { bare: true, .. } | Self::Challenged { bare: true, .. })
    }

    /// Takes a token: the answer to it, or what is wrong.
    pub(super) fn take(&mut self, sasl: &FakeSasl, token: &[u8]) -> Result<Vec<u8>, &'static str> {
        let Ok(text) = std::str::from_utf8(token) else { return Err("not UTF-8") };
        match std::mem::take(self) {
            Self::Chosen { mechanism, bare } => match Hash::of(mechanism) {
                None => {
                    let [_, user, password] = text.split('\0').collect::<Vec<_>>()[..] else {
                        return Err("not of the form of PLAIN");
                    };
                    if sasl.users.get(user).is_none_or(|known| known != password) {
                        return Err("Authentication failed: Invalid username or password");
                    }
                    *self = Self::Done;
                    Ok(Vec::new())
                }
                Some(hash) => {
                    let (scram, challenge) = Scram::challenge(hash, sasl, text)?;
                    *self = Self::Challenged { scram, bare };
                    Ok(sasl.rewritten(challenge))
                }
            },
            Self::Challenged { scram, .. } => {
                let last = scram.verify(text)?;
                *self = Self::Done;
                Ok(sasl.rewritten(last))
            }
            Self::New | Self::Done => Err("no mechanism was chosen"),
        }
    }
}

/// The server's side of an exchange.
#[derive(Debug)]
pub(super) struct Scram {
    hash: Hash,
    salted: Vec<u8>,
    /// What was said before the client's last message.
    said: String,
    nonce: String,
}

impl Scram {
    fn challenge(hash: Hash, sasl: &FakeSasl, first: &str) -> Result<(Self, String), &'static str> {
        let bare = first.strip_prefix("n,,").ok_or("no channel can be bound here")?;
        let (user, nonce) = bare
            .strip_prefix("n=")
            .and_then(|rest| rest.split_once(",r="))
            .ok_or("the first message has no name or nonce")?;
        let user = user.replace("=2C", ",").replace("=3D", "=");
        let password = sasl
            .users
            .get(&user)
            .ok_or("Authentication failed due to invalid credentials with SASL mechanism SCRAM")?;
        let nonce = format!("{nonce}fake");
        let challenge = format!("r={nonce},s={},i={}", STANDARD.encode(SALT), sasl.iterations);
        let salted = hash.salted(password.as_bytes(), SALT, sasl.iterations.min(10_000));
        Ok((Self { hash, salted, said: format!("{bare},{challenge}"), nonce }, challenge))
    }

    fn verify(&self, last: &str) -> Result<String, &'static str> {
        let (without_proof, proof) = last.rsplit_once(",p=").ok_or("the last message has no proof")?;
        if without_proof != format!("c=biws,r={}", self.nonce) {
            return Err("the last message has another nonce");
        }
        let proof = STANDARD.decode(proof).map_err(|_| "the proof is not of base 64")?;
        let message = format!("{},{without_proof}", self.said);
        let stored = self.hash.digest(&self.hash.mac(&self.salted, b"Client Key"));
        let signature = self.hash.mac(&stored, message.as_bytes());
        let key: Vec<u8> = proof.iter().zip(&signature).map(|(proof, signature)| proof ^ signature).collect();
        if self.hash.digest(&key) != stored {
            return Err("Authentication failed due to invalid credentials with SASL mechanism SCRAM");
        }
        let server_key = self.hash.mac(&self.salted, b"Server Key");
        Ok(format!("v={}", STANDARD.encode(self.hash.mac(&server_key, message.as_bytes()))))
    }
}
