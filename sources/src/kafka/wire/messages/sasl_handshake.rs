//! SaslHandshake: by which mechanism a client is going to say who it is. After version 0 (the only one of 0.10 and 0.11) the
//! mechanism's tokens follow bare, each behind a length; after version 1 they travel in SaslAuthenticate.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

structures! {
    /// Chooses a mechanism.
    pub struct SaslHandshakeRequest {
        /// Its name, such as `SCRAM-SHA-256`.
        pub mechanism: String => 0..,
    }

    /// Whether it can be used.
    pub struct SaslHandshakeResponse {
        /// UNSUPPORTED_SASL_MECHANISM, ILLEGAL_SASL_STATE at a port without authentication, or none.
        pub error_code: ErrorCode => 0..,
        /// Those that the broker offers at this port.
        pub mechanisms: Vec<String> => 0..,
    }
}

api!(ApiKey::SASL_HANDSHAKE, Versions::new(0, 1), SaslHandshakeRequest => SaslHandshakeResponse);

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    #[test]
    fn both_versions_are_as_kafka_lays_them_out() {
        let request = SaslHandshakeRequest { mechanism: "PLAIN".to_owned() };
        let response = SaslHandshakeResponse {
            error_code: ErrorCode::UNSUPPORTED_SASL_MECHANISM,
            mechanisms: vec!["GSSAPI".to_owned(), "PLAIN".to_owned()],
        };
        for version in [0, 1] {
            assert_laid_out(&request, version, &bytes(r#"0005 "PLAIN""#));
            let laid_out = bytes(
                r#"0021 | error
                 00000002 0006 "GSSAPI" 0005 "PLAIN""#,
            );
            assert_laid_out(&response, version, &laid_out);
        }
    }
}
