//! SaslAuthenticate: one token of a SASL mechanism, and the broker's answer to it. Version 1 tells how long the session lasts
//! (KIP-368). Tokens may hold a password: `Debug` tells their length only.

use std::fmt;

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

/// A token of a SASL mechanism, as a slice of the frame. Its `Debug` does not show it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct SaslToken<'a>(pub &'a [u8]);

impl fmt::Debug for SaslToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} bytes)", self.0.len())
    }
}

impl<'a> Field<'a> for SaslToken<'a> {
    fn smallest(layout: Layout) -> usize {
        <&[u8]>::smallest(layout)
    }

    fn write(&self, layout: Layout, out: &mut Writer) {
        self.0.write(layout, out);
    }

    fn read(layout: Layout, input: &mut Reader<'a>) -> Result<Self, WireError> {
        Field::read(layout, input).map(Self)
    }
}

structures! {
    /// Sends a token.
    pub struct SaslAuthenticateRequest<'a> {
        /// What the mechanism says.
        pub auth_bytes: SaslToken<'a> => 0..,
    }

    /// Answers it.
    pub struct SaslAuthenticateResponse<'a> {
        /// SASL_AUTHENTICATION_FAILED, or none.
        pub error_code: ErrorCode => 0..,
        /// What the broker says about the error.
        pub error_message: Option<String> => 0..,
        /// What the mechanism says.
        pub auth_bytes: SaslToken<'a> => 0..,
        /// After so many milliseconds the broker takes no more requests on the connection; 0: no limit.
        pub session_lifetime_ms: i64 => 1..,
    }
}

api!(ApiKey::SASL_AUTHENTICATE, Versions::new(0, 1), SaslAuthenticateRequest<'a> => SaslAuthenticateResponse<'a>);

#[cfg(test)]
impl super::sample::Sample for SaslToken<'_> {
    fn sample(layout: Layout, source: &mut super::sample::Source) -> Self {
        Self(super::sample::Sample::sample(layout, source))
    }
}

#[cfg(test)]
impl super::told::Told for SaslToken<'_> {
    fn tell(&self, layout: Layout, path: &str, out: &mut Vec<(String, String)>) {
        self.0.tell(layout, path, out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    #[test]
    fn the_lifetime_of_the_session_comes_with_version_1() {
        let request = SaslAuthenticateRequest { auth_bytes: SaslToken(b"n,,n=me") };
        let failed = SaslAuthenticateResponse {
            error_code: ErrorCode::SASL_AUTHENTICATION_FAILED,
            error_message: Some("no".to_owned()),
            ..SaslAuthenticateResponse::default()
        };
        let done = SaslAuthenticateResponse {
            auth_bytes: SaslToken(b"v=x"),
            session_lifetime_ms: 60_000,
            ..SaslAuthenticateResponse::default()
        };
        assert_laid_out(&request, 0, &bytes(r#"00000007 "n,,n=me""#));
        assert_laid_out(&request, 1, &bytes(r#"00000007 "n,,n=me""#));
        assert_laid_out(&failed, 0, &bytes(r#"003a 0002 "no" 00000000"#));
        assert_laid_out(&done, 1, &bytes(r#"0000 ffff 00000003 "v=x" 000000000000ea60"#));
    }

    #[test]
    fn debug_does_not_show_a_token() {
        let request = SaslAuthenticateRequest { auth_bytes: SaslToken(b"\0me\0hunter2") };
        assert_eq!(format!("{request:?}"), "SaslAuthenticateRequest { auth_bytes: (11 bytes) }");
    }
}
