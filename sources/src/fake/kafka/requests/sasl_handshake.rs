//! SaslHandshake: versions 0 and 1. After version 0 the next frames are the mechanism's tokens. A cluster without users answers
//! ILLEGAL_SASL_STATE, as a broker at a port without authentication.

use super::{Context, Handler, Outcome};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::sasl::Session;
use crate::fake::kafka::seen::Named;
use crate::kafka::wire::messages::{SaslHandshakeRequest, SaslHandshakeResponse};

pub(super) struct SaslHandshake;

impl Handler for SaslHandshake {
    const VERSIONS: (i16, i16) = (0, 1);
    type Request<'a> = SaslHandshakeRequest;

    fn names(_: &SaslHandshakeRequest) -> Vec<Named> {
        Vec::new()
    }

    fn answer(context: &Context<'_>, request: SaslHandshakeRequest) -> Outcome {
        let sasl = context.shared().state.lock().sasl.clone();
        let mechanisms = sasl.as_ref().map_or_else(Vec::new, |sasl| sasl.offered());
        let chosen = match &sasl {
            None => Err(ErrorCode::ILLEGAL_SASL_STATE),
            Some(sasl) => sasl.mechanism(&request.mechanism).ok_or(ErrorCode::UNSUPPORTED_SASL_MECHANISM),
        };
        let chosen = context.befallen.of_the_whole().map_or(chosen, Err);
        let error_code = match chosen {
            Ok(mechanism) => {
                *context.connection.session.lock() =
                    Session::Chosen { mechanism, bare: context.version == 0 };
                ErrorCode::NONE
            }
            Err(code) => code,
        };
        context.reply(&SaslHandshakeResponse { error_code, mechanisms })
    }
}
