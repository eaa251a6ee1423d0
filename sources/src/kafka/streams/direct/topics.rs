//! Which partitions a stream reads: found at the start, and looked for again by the keeper.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::strategy::{Choice, ConsumerStrategy};
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::{TopicError, TopicFilter, TopicInfo, Transport, unknown_topic};
use crate::kafka::{KafkaError, TopicId, TopicPartition};

/// The partitions that a strategy means, as far as they are known.
pub(super) struct Topics {
    choice: Choice,
    known: BTreeSet<TopicPartition>,
    /// What tells a topic from one that is made anew under its name.
    ids: BTreeMap<Arc<str>, TopicId>,
}

/// What has changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// These are new.
    Partitions(Vec<TopicPartition>),
    /// This topic is another one than before.
    Recreated(Arc<str>),
}

impl Topics {
    /// Asks the cluster for what the strategy means.
    ///
    /// # Errors
    /// A topic or a partition that is named and does not exist; what the cluster answers.
    pub(super) fn find(
        strategy: &ConsumerStrategy,
        transport: &dyn Transport,
        deadline: Deadline,
    ) -> Result<Self, KafkaError> {
        let mut topics =
            Self { choice: strategy.choice.clone(), known: BTreeSet::new(), ids: BTreeMap::new() };
        let infos = topics.ask(transport, deadline)?;
        for info in &infos {
            match info.error {
                Some(TopicError::Unknown) => return Err(unknown(&info.name, transport, deadline)),
                Some(TopicError::Broker(code)) => {
                    return Err(KafkaError::Topic { topic: Arc::clone(&info.name), code });
                }
                None => {}
            }
            if let Some(missing) = topics.named_partitions().find(|p| p.topic == info.name && !has(info, p)) {
                let partitions = info.partitions.len();
                return Err(KafkaError::UnknownPartition { partition: missing.clone(), partitions });
            }
        }
        topics.take_in(&infos);
        Ok(topics)
    }

    /// All partitions, in order.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.known.iter()
    }

    /// Asks the cluster again.
    pub(super) fn refresh(
        &mut self,
        transport: &dyn Transport,
        deadline: Deadline,
    ) -> Result<Found, KafkaError> {
        let infos = self.ask(transport, deadline)?;
        for info in &infos {
            if let (Some(id), Some(known)) = (info.id, self.ids.get(&info.name)) {
                if id != *known {
                    return Ok(Found::Recreated(Arc::clone(&info.name)));
                }
            }
        }
        Ok(Found::Partitions(self.take_in(&infos)))
    }

    /// Looks for a partition again next time: it could not be begun.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        self.known.remove(partition);
    }

    fn ask(&self, transport: &dyn Transport, deadline: Deadline) -> Result<Vec<TopicInfo>, KafkaError> {
        match &self.choice {
            Choice::Topics(names) => {
                let names: BTreeSet<Arc<str>> = names.iter().map(|name| Arc::from(name.as_str())).collect();
                let names: Vec<Arc<str>> = names.into_iter().collect();
                transport.topics(TopicFilter::Names(&names), deadline)
            }
            Choice::Partitions(partitions) => {
                let names: BTreeSet<Arc<str>> = partitions.iter().map(|p| Arc::clone(&p.topic)).collect();
                let names: Vec<Arc<str>> = names.into_iter().collect();
                transport.topics(TopicFilter::Names(&names), deadline)
            }
            Choice::Pattern(pattern) => {
                let mut all = transport.topics(TopicFilter::All, deadline)?;
                all.retain(|info| !info.internal && info.error.is_none() && pattern.matches(&info.name));
                Ok(all)
            }
        }
    }

    fn named_partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        match &self.choice {
            Choice::Partitions(partitions) => partitions.iter(),
            Choice::Topics(_) | Choice::Pattern(_) => [].iter(),
        }
    }

    /// Takes note of what there is; returns the partitions that are new.
    fn take_in(&mut self, infos: &[TopicInfo]) -> Vec<TopicPartition> {
        let mut new = Vec::new();
        for info in infos.iter().filter(|info| info.error.is_none()) {
            if let Some(id) = info.id {
                self.ids.entry(Arc::clone(&info.name)).or_insert(id);
            }
            for partition in &info.partitions {
                let partition = TopicPartition::new(Arc::clone(&info.name), partition.partition);
                let wanted = match &self.choice {
                    Choice::Partitions(partitions) => partitions.contains(&partition),
                    Choice::Topics(_) | Choice::Pattern(_) => true,
                };
                if wanted && self.known.insert(partition.clone()) {
                    new.push(partition);
                }
            }
        }
        new
    }
}

fn has(info: &TopicInfo, partition: &TopicPartition) -> bool {
    info.partitions.iter().any(|known| known.partition == partition.partition)
}

/// The error for a topic that does not exist, with the nearest that does.
pub(in crate::kafka) fn unknown(
    topic: &Arc<str>,
    transport: &dyn Transport,
    deadline: Deadline,
) -> KafkaError {
    unknown_topic(topic, &transport.topics(TopicFilter::All, deadline).unwrap_or_default())
}
