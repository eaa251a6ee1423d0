//! Where a stream begins: given offsets go before committed ones, and those before the reset. On the thread that asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use batchmill::InputHandle;

use super::logs::{Log, logs, not_in_log};
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::{Committed, Transport};
use crate::kafka::params::{KafkaParams, OffsetReset, OnLostRange};
use crate::kafka::{KafkaError, TopicPartition};

/// Where a partition begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Begin {
    pub(super) partition: TopicPartition,
    pub(super) offset: i64,
    pub(super) leader_epoch: Option<i32>,
    /// The end of the log, as it was just now.
    pub(super) end: i64,
    pub(super) why: Why,
}

/// Who said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Given,
    Committed,
    Reset,
    /// It was given or committed, but is gone, and the settings say to go on.
    Lost {
        wanted: i64,
    },
}

impl Begin {
    /// Whether nobody has said that it begins there. Then that is to be committed before anything is read: without, a crash
    /// before the first commit would begin at another end of the log and skip everything between.
    pub(super) fn is_unsaid(&self) -> bool {
        matches!(self.why, Why::Reset | Why::Lost { .. })
    }
}

/// What a stream knows when it begins.
pub(super) struct Start {
    pub(super) begins: Vec<Begin>,
    pub(super) committed: BTreeMap<TopicPartition, Committed>,
}

/// Finds the beginning of each partition.
///
/// # Errors
/// An offset that is not in the log; none where the reset says to fail; what the cluster answers.
pub(super) fn positions<'p>(
    partitions: impl Iterator<Item = &'p TopicPartition>,
    starting_at: &[(TopicPartition, i64)],
    params: &KafkaParams,
    transport: &dyn Transport,
    deadline: Deadline,
) -> Result<Start, KafkaError> {
    let partitions: Vec<TopicPartition> = partitions.cloned().collect();
    let given: BTreeMap<_, _> = starting_at.iter().cloned().collect();
    if let Some(stray) = given.keys().find(|partition| !partitions.contains(partition)) {
        return Err(KafkaError::NotRead { partition: stray.clone() });
    }
    let committed = committed(&partitions, params, transport, deadline)?;
    let logs = logs(&partitions, transport, deadline)?;
    let begins = partitions.into_iter().zip(logs).map(|(partition, log)| {
        let wanted = match (given.get(&partition), committed.get(&partition)) {
            (Some(offset), _) => Some((*offset, None, Why::Given)),
            (None, Some(committed)) => Some((committed.offset, committed.leader_epoch, Why::Committed)),
            (None, None) => None,
        };
        begin(partition, log, wanted, params)
    });
    Ok(Start { begins: begins.collect::<Result<_, _>>()?, committed })
}

/// Tells of beginnings that are not where they were wanted.
pub(super) fn announce(begins: &[Begin], handle: &InputHandle) {
    for begin in begins {
        let Begin { partition, offset, end, .. } = begin;
        match begin.why {
            Why::Lost { wanted } => {
                let detail =
                    format!("{partition}: offset {wanted} is not in the log; reading begins at {offset}");
                log::warn!("range_lost: {detail}");
                handle.source_event("range_lost", detail);
            }
            why => log::info!("{partition} begins at {offset} ({why:?}), {} to read", end - offset),
        }
    }
}

/// Finds the beginning of one partition, in what is known of its log.
///
/// # Errors
/// As [`positions`].
pub(super) fn begin(
    partition: TopicPartition,
    log: Log,
    wanted: Option<(i64, Option<i32>, Why)>,
    params: &KafkaParams,
) -> Result<Begin, KafkaError> {
    let Log { earliest, latest } = log;
    let (offset, leader_epoch, why) = match wanted {
        Some((offset, epoch, why)) if log.contains(offset) => (offset, epoch, why),
        Some((wanted, ..)) => match params.on_lost_range {
            OnLostRange::SkipToEarliest => (earliest, None, Why::Lost { wanted }),
            OnLostRange::SkipToLatest => (latest, None, Why::Lost { wanted }),
            OnLostRange::Stop => return Err(not_in_log(&partition, wanted, log)),
        },
        None => match params.reset {
            OffsetReset::Earliest => (earliest, None, Why::Reset),
            OffsetReset::Latest => (latest, None, Why::Reset),
            OffsetReset::Fail => return Err(KafkaError::NoOffset { partition, group: params.group() }),
        },
    };
    Ok(Begin { partition, offset, leader_epoch, end: latest, why })
}

fn committed(
    partitions: &[TopicPartition],
    params: &KafkaParams,
    transport: &dyn Transport,
    deadline: Deadline,
) -> Result<BTreeMap<TopicPartition, Committed>, KafkaError> {
    let Some(group) = &params.group_id else { return Ok(BTreeMap::new()) };
    let committed = transport.committed(group, partitions, deadline)?;
    Ok(committed.into_iter().filter_map(|(partition, committed)| Some((partition, committed?))).collect())
}

impl KafkaParams {
    fn group(&self) -> Option<Arc<str>> {
        self.group_id.as_deref().map(Arc::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: Log = Log { earliest: 10, latest: 20 };

    fn begins(wanted: Option<i64>, params: &KafkaParams) -> Result<(i64, Why), String> {
        let wanted = wanted.map(|offset| (offset, None, Why::Given));
        begin(TopicPartition::new("t", 0), LOG, wanted, params)
            .map(|begin| (begin.offset, begin.why))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_offset_in_the_log_goes_before_the_reset() {
        let params = KafkaParams::new().offset_reset(OffsetReset::Earliest);
        assert_eq!(begins(Some(15), &params), Ok((15, Why::Given)));
        assert_eq!(begins(Some(10), &params), Ok((10, Why::Given)));
        assert_eq!(begins(Some(20), &params), Ok((20, Why::Given)), "the end of the log is in it");
        assert_eq!(begins(None, &params), Ok((10, Why::Reset)));
        assert_eq!(begins(None, &KafkaParams::new()), Ok((20, Why::Reset)));
    }

    #[test]
    fn an_offset_out_of_the_log_is_an_error_that_names_what_is_gone() {
        let params = KafkaParams::new();
        assert!(begins(Some(4), &params).unwrap_err().starts_with("offsets 4 to 10 of t-0 were deleted"));
        assert_eq!(begins(Some(21), &params).unwrap_err(), "offset 21 is not in t-0, which has 10 to 20");
        assert!(begins(None, &params.offset_reset(OffsetReset::Fail)).is_err());
    }

    #[test]
    fn the_settings_may_say_to_go_on_without_what_is_gone() {
        let skip = |policy| KafkaParams::new().on_lost_range(policy);
        assert_eq!(begins(Some(4), &skip(OnLostRange::SkipToEarliest)), Ok((10, Why::Lost { wanted: 4 })));
        assert_eq!(begins(Some(4), &skip(OnLostRange::SkipToLatest)), Ok((20, Why::Lost { wanted: 4 })));
    }
}
