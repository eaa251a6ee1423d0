//! FindCoordinator: versions 0 to 2. The coordinator of a group (or transactional id) is the broker its name decides among
//! those that run, or the one it was moved to.

use super::{Context, Handler, Outcome};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::seen::Named;
use crate::kafka::wire::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

pub(super) struct FindCoordinator;

impl Handler for FindCoordinator {
    const VERSIONS: (i16, i16) = (0, 2);
    type Request<'a> = FindCoordinatorRequest;

    fn names(request: &FindCoordinatorRequest) -> Vec<Named> {
        vec![Named::topic(&request.key)]
    }

    fn answer(context: &Context<'_>, request: FindCoordinatorRequest) -> Outcome {
        let state = context.shared().state.lock();
        let scripted = context.befallen.error(&request.key, None);
        let found = match scripted {
            Some(code) => Err(code),
            None => state.coordinator(&request.key).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        };
        let (error_code, node_id, host, port) = match found {
            Ok(broker) => (ErrorCode::NONE, broker.id, broker.host.clone(), i32::from(broker.port)),
            Err(code) => (code, -1, String::new(), -1),
        };
        let throttle_time_ms = state.throttle_time_ms;
        context.reply(&FindCoordinatorResponse {
            throttle_time_ms,
            error_code,
            error_message: None,
            node_id,
            host,
            port,
        })
    }
}
