//! SaslAuthenticate: versions 0 and 1. After an error the connection is closed, as at a real broker.

use super::{Context, Handler, Outcome};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::seen::Named;
use crate::kafka::wire::messages::{SaslAuthenticateRequest, SaslAuthenticateResponse, SaslToken};

pub(super) struct SaslAuthenticate;

impl Handler for SaslAuthenticate {
    const VERSIONS: (i16, i16) = (0, 1);
    type Request<'a> = SaslAuthenticateRequest<'a>;

    fn names(_: &SaslAuthenticateRequest<'_>) -> Vec<Named> {
        Vec::new()
    }

    fn answer(context: &Context<'_>, request: SaslAuthenticateRequest<'_>) -> Outcome {
        let Some(sasl) = context.shared().state.lock().sasl.clone() else { return Outcome::Close };
        let failed = |error_code, message: Option<&str>| {
            let error_message = message.map(str::to_owned);
            match context.reply(&SaslAuthenticateResponse { error_code, error_message, ..Default::default() })
            {
                Outcome::Reply(reply) => Outcome::Cut(reply, usize::MAX),
                other => other,
            }
        };
        if let Some(code) = context.befallen.of_the_whole() {
            return failed(code, None);
        }
        let taken = context.connection.session.lock().take(&sasl, request.auth_bytes.0);
        match taken {
            Ok(token) => context.reply(&SaslAuthenticateResponse {
                auth_bytes: SaslToken(&token),
                session_lifetime_ms: sasl.lifetime_ms(),
                ..Default::default()
            }),
            Err(reason) => failed(ErrorCode::SASL_AUTHENTICATION_FAILED, Some(reason)),
        }
    }
}
