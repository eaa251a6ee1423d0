//! What is put into a fetch: which partitions, and how much of each.

use std::collections::HashMap;

use super::partition::FetchPartition;
use crate::kafka::TopicPartition;
use crate::kafka::client::metadata::ClusterView;
use crate::kafka::client::offsets::isolation_level;
use crate::kafka::client::settings::ClientSettings;
use crate::kafka::client::transport::Want;
use crate::kafka::wire::messages::{self, FetchRequest, FetchTopic};

/// The most that a broker may wait while partitions are left out of a request, in milliseconds: they may be wanted again at
/// any time, and the connection is taken until the answer comes.
const WAIT_WITH_OTHERS_MS: i32 = 20;

/// One partition of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka::client) struct Planned {
    pub(in crate::kafka::client) name: TopicPartition,
    pub(in crate::kafka::client) want: Want,
}

/// A request, before it has a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::kafka::client) struct FetchPlan {
    pub(in crate::kafka::client) partitions: Vec<Planned>,
    /// Some that belong to the broker are not asked for with it.
    pub(in crate::kafka::client) leaves_out: bool,
}

impl FetchPlan {
    /// Below version 3 a request has no limit for all partitions together: what is beyond it waits for its turn.
    pub(in crate::kafka::client) fn cut_to(&mut self, total_bytes: u32) {
        let mut bytes = 0_u64;
        let fitting = self.partitions.iter().take_while(|planned| {
            let is_first = bytes == 0;
            bytes += u64::from(planned.want.max_bytes.max(1));
            is_first || bytes <= u64::from(total_bytes)
        });
        let fitting = fitting.count();
        self.leaves_out |= fitting < self.partitions.len();
        self.partitions.truncate(fitting);
    }

    /// How long a broker may wait with the answer.
    pub(in crate::kafka::client) fn max_wait_ms(&self, settings: &ClientSettings) -> i32 {
        let wait = i32::try_from(settings.fetch_max_wait.as_millis()).unwrap_or(i32::MAX);
        if self.leaves_out { wait.min(WAIT_WITH_OTHERS_MS) } else { wait }
    }

    /// The request. Its partitions come in the order of the plan, as far as topics are not divided by it: a broker fills an
    /// answer in that order.
    pub(super) fn request(&self, settings: &ClientSettings, view: &ClusterView) -> FetchRequest {
        let mut topics: Vec<FetchTopic> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for planned in &self.partitions {
            let name = &planned.name;
            let place = *places.entry(&name.topic).or_insert_with(|| {
                topics.push(FetchTopic { topic: name.topic.to_string(), ..FetchTopic::default() });
                topics.len() - 1
            });
            let epoch = if view.has_epochs() { view.partition(name) } else { None };
            topics[place].partitions.push(messages::FetchPartition {
                partition: name.partition,
                current_leader_epoch: epoch.and_then(|info| info.leader_epoch).unwrap_or(-1),
                fetch_offset: planned.want.offset,
                partition_max_bytes: i32::try_from(planned.want.max_bytes).unwrap_or(i32::MAX),
                ..messages::FetchPartition::default()
            });
        }
        FetchRequest {
            max_wait_ms: self.max_wait_ms(settings),
            min_bytes: i32::try_from(settings.fetch_min_bytes).unwrap_or(i32::MAX),
            max_bytes: i32::try_from(settings.fetch_bytes).unwrap_or(i32::MAX),
            isolation_level: isolation_level(settings.isolation),
            topics,
            rack_id: settings.rack.clone().unwrap_or_default(),
            ..FetchRequest::default()
        }
    }
}

/// Those that were asked for in vain for want of room, or that have brought nothing, come first the next time.
pub(super) fn rotate(own: &mut [FetchPartition], served: &dyn Fn(&TopicPartition) -> bool) {
    own.sort_by_key(|partition| served(&partition.name));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::kafka::client::address::Address;

    fn plan(partitions: &[(&str, i32, u32)]) -> FetchPlan {
        let planned = |&(topic, partition, max_bytes): &(&str, i32, u32)| Planned {
            name: TopicPartition::new(topic, partition),
            want: Want { offset: 7, leader_epoch: None, max_bytes },
        };
        FetchPlan { partitions: partitions.iter().map(planned).collect(), leaves_out: false }
    }

    #[test]
    fn an_old_broker_is_asked_for_a_part_of_the_partitions_at_a_time() {
        let all = plan(&[("t", 0, 60), ("t", 1, 40), ("t", 2, 1)]);
        let cut = |total| {
            let mut plan = all.clone();
            plan.cut_to(total);
            (plan.partitions.len(), plan.leaves_out)
        };
        assert_eq!([cut(1_000), cut(100), cut(60), cut(1)], [(3, false), (2, true), (1, true), (1, true)]);
    }

    #[test]
    fn a_topic_is_named_once() {
        let settings = ClientSettings::new(vec![Address::new("h", 1)]);
        let plan = plan(&[("b", 1, 10), ("a", 0, 20), ("b", 0, 30)]);
        let request = plan.request(&settings, &ClusterView::default());
        let asked: Vec<_> = request
            .topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|asked| (&*topic.topic, asked.partition)))
            .collect();
        assert_eq!(asked, [("b", 1), ("b", 0), ("a", 0)]);
        assert_eq!((request.session_id, request.session_epoch, request.replica_id), (0, -1, -1));
        assert_eq!((request.max_wait_ms, request.max_bytes, request.isolation_level), (500, 32 << 20, 1));
    }

    #[test]
    fn a_broker_does_not_wait_long_while_a_partition_is_left_out() {
        let settings = ClientSettings::new(vec![Address::new("h", 1)]);
        let wait = |leaves_out| FetchPlan { leaves_out, ..plan(&[("t", 0, 1)]) }.max_wait_ms(&settings);
        assert_eq!((wait(false), wait(true)), (500, WAIT_WITH_OTHERS_MS));
        assert!(settings.fetch_max_wait > Duration::from_millis(20));
    }
}
