//! Who the program is, said on a new connection before anything but the question of versions. Runs on the thread that
//! connects, within its deadline. Before the session ends the connection is replaced by a new one.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::connection::{Connection, name};
use super::deadline::Deadline;
use crate::kafka::security::scram::{Hash, ScramClient};
use crate::kafka::security::{Credentials, SaslMechanism, SecurityError};
use crate::kafka::wire::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse, SaslToken,
};
use crate::kafka::wire::{ApiKey, ErrorCode};
use crate::kafka::{KafkaError, ScramError};

/// No answer of a mechanism is nearly as long.
const TOKEN_BYTES_MAX: usize = 64 << 10;

/// Says who the program is, and hears whether the broker believes it.
pub(super) fn authenticate(
    connection: &mut Connection,
    credentials: &Credentials,
    deadline: Deadline,
) -> Result<(), KafkaError> {
    let form = choose(connection, credentials, deadline)?;
    let mut exchange = Exchange { connection, credentials, form, deadline, lifetime: Duration::ZERO };
    match Hash::of(credentials.mechanism) {
        None => exchange.plain()?,
        Some(hash) => exchange.scram(hash)?,
    }
    let lifetime = exchange.lifetime;
    if !lifetime.is_zero() {
        connection.lasts(lifetime);
    }
    Ok(())
}

/// How tokens travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Each behind a length, and nothing else.
    Bare,
    /// In SaslAuthenticate.
    Request,
}

/// Tells the broker the mechanism.
fn choose(
    connection: &mut Connection,
    credentials: &Credentials,
    deadline: Deadline,
) -> Result<Form, KafkaError> {
    let mechanism = credentials.mechanism;
    let no_mechanism = |connection: &Connection, offered: Vec<String>| KafkaError::Security {
        broker: Arc::clone(connection.broker()),
        cause: SecurityError::Mechanism { mechanism, offered: offered.into() },
    };
    let Ok(version) = connection.version(ApiKey::SASL_HANDSHAKE) else {
        return Err(no_mechanism(connection, Vec::new()));
    };
    let request = SaslHandshakeRequest { mechanism: mechanism.to_string() };
    let answer: SaslHandshakeResponse = connection.call(version, &request, deadline)?;
    match answer.error_code {
        ErrorCode::NONE if version == 0 => Ok(Form::Bare),
        ErrorCode::NONE => Ok(Form::Request),
        ErrorCode::UNSUPPORTED_SASL_MECHANISM => Err(no_mechanism(connection, answer.mechanisms)),
        ErrorCode::ILLEGAL_SASL_STATE => Err(no_mechanism(connection, Vec::new())),
        code => Err(KafkaError::Broker {
            broker: Arc::clone(connection.broker()),
            request: name(ApiKey::SASL_HANDSHAKE),
            about: None,
            code,
        }),
    }
}

struct Exchange<'a> {
    connection: &'a mut Connection,
    credentials: &'a Credentials,
    form: Form,
    deadline: Deadline,
    /// How long the session lasts, as the last answer says; zero: for ever.
    lifetime: Duration,
}

impl Exchange<'_> {
    fn plain(&mut self) -> Result<(), KafkaError> {
        let Credentials { user, password, .. } = self.credentials;
        let token = [b"\0", user.as_bytes(), b"\0", password.expose()].concat();
        self.say(&token).map(|_| ())
    }

    fn scram(&mut self, hash: Hash) -> Result<(), KafkaError> {
        let mut random = [0; 24];
        getrandom::fill(&mut random)
            .map_err(|error| self.security(SecurityError::Random(error.to_string())))?;
        let nonce = STANDARD_NO_PAD.encode(random);
        let Credentials { user, password, .. } = self.credentials;
        let (client, first) = ScramClient::begin(hash, user, password.clone(), nonce);
        let server_first = self.say(first.as_bytes())?;
        let (proof, last) = client.prove(&server_first).map_err(|cause| self.broken(cause))?;
        let server_last = self.say(last.as_bytes())?;
        proof.check(&server_last).map_err(|cause| self.broken(cause))
    }

    fn broken(&self, cause: ScramError) -> KafkaError {
        self.security(SecurityError::Scram { mechanism: self.credentials.mechanism, cause })
    }

    fn security(&self, cause: SecurityError) -> KafkaError {
        KafkaError::Security { broker: Arc::clone(self.connection.broker()), cause }
    }

    fn who(&self) -> (SaslMechanism, Arc<str>) {
        (self.credentials.mechanism, Arc::clone(&self.credentials.user))
    }

    /// Sends a token, and waits for the broker's.
    fn say(&mut self, token: &[u8]) -> Result<Vec<u8>, KafkaError> {
        match self.form {
            Form::Request => self.ask(token),
            Form::Bare => self.send_bare(token).map_err(|error| match error {
                KafkaError::Closed { .. } => {
                    let (mechanism, user) = self.who();
                    self.security(SecurityError::ClosedInAuthentication { mechanism, user })
                }
                error => error,
            }),
        }
    }

    fn ask(&mut self, token: &[u8]) -> Result<Vec<u8>, KafkaError> {
        let connection = &mut *self.connection;
        let version = connection.version(ApiKey::SASL_AUTHENTICATE)?;
        let request = SaslAuthenticateRequest { auth_bytes: SaslToken(token) };
        let asked = connection.send(version, &request, self.deadline)?;
        let length = connection.receive_length(&asked)?;
        let mut frame = vec![0; checked(connection, length)?];
        connection.receive(&asked, &mut frame)?;
        let body = connection.body(&asked, &frame)?;
        let answer: SaslAuthenticateResponse<'_> = connection.decode(&asked, body)?;
        match answer.error_code {
            ErrorCode::NONE => {
                self.lifetime =
                    Duration::from_millis(u64::try_from(answer.session_lifetime_ms).unwrap_or_default());
                Ok(answer.auth_bytes.0.to_vec())
            }
            ErrorCode::SASL_AUTHENTICATION_FAILED => {
                let (mechanism, user) = self.who();
                let message = answer.error_message.map(|message| message.chars().take(200).collect());
                Err(self.security(SecurityError::Refused { mechanism, user, message }))
            }
            code => Err(KafkaError::Broker {
                broker: Arc::clone(self.connection.broker()),
                request: name(ApiKey::SASL_AUTHENTICATE),
                about: None,
                code,
            }),
        }
    }

    fn send_bare(&mut self, token: &[u8]) -> Result<Vec<u8>, KafkaError> {
        let connection = &mut *self.connection;
        let asked = connection.note(ApiKey::SASL_AUTHENTICATE, 0, self.deadline);
        let length = i32::try_from(token.len()).unwrap_or(i32::MAX).to_be_bytes();
        connection.write(&asked, &[&length[..], token].concat())?;
        let length = connection.receive_length(&asked)?;
        let mut answer = vec![0; checked(connection, length)?];
        connection.receive(&asked, &mut answer)?;
        Ok(answer)
    }
}

/// The length of an answer, if it can be one.
fn checked(connection: &Connection, length: usize) -> Result<usize, KafkaError> {
    if length <= TOKEN_BYTES_MAX {
        return Ok(length);
    }
    Err(KafkaError::ResponseTooLarge {
        broker: Arc::clone(connection.broker()),
        request: name(ApiKey::SASL_AUTHENTICATE),
        partition: None,
        length: length as u64,
        limit: TOKEN_BYTES_MAX,
    })
}
