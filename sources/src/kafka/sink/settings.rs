//! [`Settings`]: what the threads of a producer go by, of its parameters and of what its cluster can.

use std::time::Duration;

use super::params::{Acks, Idempotence, ProducerParams};
use super::partition::Numbers;
use crate::kafka::client::backoff::BackoffRange;
use crate::kafka::wire::records::Codec;

/// An idempotent producer has no more batches of a partition under way than a broker remembers.
const NUMBERED_IN_FLIGHT: usize = 5;

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
            linger: params.linger,
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

    /// How many batches of a partition may be under way. Without numbers a second one could overtake the first.
    pub(super) fn in_flight_of_a_partition(&self, numbers: Numbers) -> usize {
        if numbers == Numbers::Off { 1 } else { self.max_in_flight }
    }
}
