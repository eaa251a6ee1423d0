//! InitProducerId: versions 0 and 1. Each call gives a new id with epoch 0. Departs from a real broker so: a transactional
//! id is refused with TRANSACTIONAL_ID_AUTHORIZATION_FAILED, for transactions over the wire are not served; a test makes
//! them with [`FakeKafka::begin_transaction`](crate::fake::kafka::FakeKafka::begin_transaction).

use super::{Context, Handler, Outcome};
use crate::fake::kafka::ErrorCode;
use crate::fake::kafka::seen::Named;
use crate::kafka::wire::messages::{InitProducerIdRequest, InitProducerIdResponse};

pub(super) struct InitProducerId;

impl Handler for InitProducerId {
    const VERSIONS: (i16, i16) = (0, 1);
    type Request<'a> = InitProducerIdRequest;

    fn names(request: &InitProducerIdRequest) -> Vec<Named> {
        request.transactional_id.iter().map(|id| Named::topic(id)).collect()
    }

    fn answer(context: &Context<'_>, request: InitProducerIdRequest) -> Outcome {
        let id = request.transactional_id.as_deref();
        let refused = id.map(|_| ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
        let error = context.befallen.error(id.unwrap_or_default(), None).or(refused);
        let mut state = context.shared().state.lock();
        let throttle_time_ms = state.throttle_time_ms;
        let response = match error {
            Some(error_code) => {
                InitProducerIdResponse { throttle_time_ms, error_code, producer_id: -1, producer_epoch: -1 }
            }
            None => InitProducerIdResponse {
                throttle_time_ms,
                error_code: ErrorCode::NONE,
                producer_id: state.new_producer_id(),
                producer_epoch: 0,
            },
        };
        context.reply(&response)
    }
}
