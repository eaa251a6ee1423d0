//! [`Settings`]: what the threads of a producer go by, of its parameters and of what its cluster can.

use std::time::Duration;

use super::params::{Acks, Idempotence, ProducerParams};
use super::partition::Numbers;
use crate::kafka::client::backoff::BackoffRange;
use crate::kafka::wire::records::Codec;

/// An idempotent producer has no more batches of a partition under way than a broker remembers: so many from 1.0 on, one
/// before (KAFKA-5494).
const NUMBERED_IN_FLIGHT: usize = 5;
/// The version of Produce that brokers know from 1.0 on.
const REMEMBERS_SEVERAL: i16 = 5;

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) acks: i16,
    pub(super) idempotence: Idempotence,
    pub(super) codec: Codec,
    pub(super) linger: Duration,
    pub(super) batch_bytes: usize,
    pub(super) batch_records: u32,
    pub(super) request_bytes: usize,
    pub(super) max_in_flight: usize,
    pub(super) retries: u32,
    pub(super) max_wait: Duration,
    pub(super) delivery_timeout: Duration,
    pub(super) close_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) backoff: BackoffRange,
    pub(super) refresh: Duration,
}

impl Settings {
    pub(super) fn new(params: &ProducerParams) -> Self {
        let is_all = params.acks == Acks::All;
        let idempotence = if is_all { params.idempotence } else { Idempotence::Off };
        let most = if idempotence == Idempotence::Off { usize::MAX } else { NUMBERED_IN_FLIGHT };
        Self {
            acks: match params.acks {
                Acks::None => 0,
                Acks::Leader => 1,
                Acks::All => -1,
            },
            idempotence,
            codec: params.compression.codec(),
            // Else records would be given up before they are tried.
            linger: params.linger.min(params.delivery_timeout / 2),
            batch_bytes: params.batch_bytes.min(params.request_bytes).min(params.buffer_bytes),
            batch_records: params.batch_records,
            request_bytes: params.request_bytes,
            max_in_flight: params.max_in_flight.min(most),
            retries: params.retries,
            max_wait: params.max_wait,
            delivery_timeout: params.delivery_timeout,
            close_timeout: params.close_timeout,
            request_timeout: params.request_timeout,
            connect_timeout: params.connect_timeout,
            backoff: BackoffRange { first: params.backoff, longest: params.backoff_max },
            refresh: params.refresh,
        }
    }

    /// Whether brokers acknowledge at all.
    pub(super) fn has_answers(&self) -> bool {
        self.acks != 0
    }

    /// How many batches of a partition may be under way to a broker that knows this version of Produce. Without numbers a
    /// second one could overtake the first; a broker that remembers only the last takes one before it for a gap.
    pub(super) fn in_flight_of_a_partition(&self, numbers: Numbers, version: i16) -> usize {
        if numbers == Numbers::Off || version < REMEMBERS_SEVERAL { 1 } else { self.max_in_flight }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_is_not_full_has_time_to_be_sent_before_it_is_given_up() {
        let [second, minute] = [1, 60].map(Duration::from_secs);
        let linger = |linger, timeout| {
            Settings::new(&ProducerParams::new().linger(linger).delivery_timeout(timeout)).linger
        };
        assert_eq!([linger(second, minute), linger(minute, minute)], [second, minute / 2]);
    }
}
