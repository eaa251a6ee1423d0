//! InitProducerId: a number by which brokers recognise what an idempotent producer sends twice.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

structures! {
    /// Asks for a producer id.
    pub struct InitProducerIdRequest {
        /// The transaction's id, if there is one.
        pub transactional_id: Option<String> => 0..,
        /// How long a transaction may be open, in milliseconds. Brokers refuse 0 where there is a transactional id.
        pub transaction_timeout_ms: i32 => 0..,
    }

    /// A producer id.
    pub struct InitProducerIdResponse {
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 0..,
        /// What went wrong, or none.
        pub error_code: ErrorCode => 0..,
        /// The id, or -1.
        pub producer_id: i64 = -1 => 0..,
        /// Its epoch.
        pub producer_epoch: i16 => 0..,
    }
}

api!(ApiKey::INIT_PRODUCER_ID, Versions::new(0, 1), InitProducerIdRequest => InitProducerIdResponse);

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    #[test]
    fn both_versions_are_as_kafka_lays_them_out() {
        let request = InitProducerIdRequest { transactional_id: None, transaction_timeout_ms: 60_000 };
        let response = InitProducerIdResponse {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            producer_id: 1_000,
            producer_epoch: 2,
        };
        for version in 0..=1 {
            assert_laid_out(&request, version, &bytes("ffff 0000ea60"));
            assert_laid_out(&response, version, &bytes("00000000 0000 00000000000003e8 0002"));
        }
    }
}
