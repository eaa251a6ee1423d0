//! The first message of a connection and its answer. They are frames without a header.

use super::{Jute, Reader, WireError, Writer, records};

records! {
    /// Begins a session, or takes one up again.
    ConnectRequestBody {
        /// 0.
        protocol_version: i32,
        /// The newest change the client has seen: a server that does not know it yet refuses.
        last_zxid: i64,
        /// The session timeout asked for, in milliseconds.
        timeout_ms: i32,
        /// The session; 0 for a new one.
        session_id: i64,
        /// Its password, 16 bytes.
        password: Vec<u8>,
    }

    /// The answer.
    ConnectResponseBody {
        /// 0.
        protocol_version: i32,
        /// The session timeout, in milliseconds; 0 or less when the session has ended.
        timeout_ms: i32,
        /// The session.
        session_id: i64,
        /// Its password.
        password: Vec<u8>,
    }
}

/// Begins a session, or takes one up again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectRequest {
    /// What has always been in it.
    pub body: ConnectRequestBody,
    /// Whether a server without a quorum will do. `None`: before 3.4, the field is not there.
    pub read_only: Option<bool>,
}

/// The answer to a [`ConnectRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectResponse {
    /// What has always been in it.
    pub body: ConnectResponseBody,
    /// Whether the server has no quorum. `None`: before 3.4, the field is not there.
    pub read_only: Option<bool>,
}

macro_rules! with_read_only {
    ($message:ident $body:ident) => {
        impl Jute for $message {
            const SMALLEST: usize = $body::SMALLEST;

            fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
                let body = $body::decode(input)?;
                input.field(concat!(stringify!($message), ".read_only"));
                let read_only = if input.remaining() == 0 { None } else { Some(bool::decode(input)?) };
                Ok(Self { body, read_only })
            }

            fn encode(&self, out: &mut Writer) {
                self.body.encode(out);
                if let Some(read_only) = self.read_only {
                    read_only.encode(out);
                }
            }
        }
    };
}

with_read_only!(ConnectRequest ConnectRequestBody);
with_read_only!(ConnectResponse ConnectResponseBody);
