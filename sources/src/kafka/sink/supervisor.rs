//! The thread that knows the cluster: it asks who leads which partition, starts the threads of brokers, gets ids for an
//! idempotent producer, and gives up on records that nobody takes. So a partition without a leader holds up only itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use batchmill::Mono;

use super::batch::ProducerId;
use super::inbox::Inbox;
use super::shared::Shared;
use super::worker;
use crate::kafka::KafkaError;
use crate::kafka::client::backoff::Backoff;
use crate::kafka::client::control::bad_value;
use crate::kafka::client::deadline::{Deadline, now};
use crate::kafka::client::transport::{TopicError, TopicFilter, TopicInfo};
use crate::kafka::wire::messages::InitProducerIdRequest;

/// The thread's way: until the producer is closed.
pub(super) fn run(shared: &Arc<Shared>) {
    let mut supervisor = Supervisor {
        shared,
        asked: now(),
        refresh: false,
        id_wanted: None,
        pause: Backoff::new(shared.settings.backoff),
        not_before: now(),
    };
    while let Some(orders) = shared.orders() {
        supervisor.refresh |= orders.refresh;
        supervisor.id_wanted = supervisor.id_wanted.max(orders.id_wanted);
        let next = supervisor.round();
        shared.wait_for_orders(next);
    }
}

struct Supervisor<'a> {
    shared: &'a Arc<Shared>,
    /// When the cluster was asked last.
    asked: Mono,
    refresh: bool,
    id_wanted: Option<u64>,
    /// Between attempts that did not help.
    pause: Backoff,
    not_before: Mono,
}

impl Supervisor<'_> {
    /// Does what is due: when to look again.
    fn round(&mut self) -> Mono {
        self.settle();
        let (mut next, has_stranded) = self.expire();
        self.refresh |= has_stranded || self.asked + self.shared.settings.refresh <= now();
        let is_wanted = self.refresh || self.id_wanted.is_some();
        if is_wanted && self.not_before <= now() {
            // At least so long until the next time, however many ask.
            self.not_before = now() + self.pause.pause();
            let is_done = self.ask_topics() & self.ask_id();
            if is_done {
                self.pause.reset();
            }
            self.settle();
            next = next.min(self.not_before);
        }
        if is_wanted {
            next.min(self.not_before)
        } else {
            next.min(self.asked + self.shared.settings.refresh)
        }
    }

    /// Gives each partition to the thread of its leader, and starts those that are missing.
    fn settle(&self) {
        let topics = self.shared.all_topics();
        let leaders: BTreeSet<i32> = {
            let view = self.shared.control.cluster.view();
            let names = topics.iter().filter_map(|topic| view.topic(&topic.name));
            names.flat_map(|info| info.partitions.iter().filter_map(|known| known.leader)).collect()
        };
        for node in leaders {
            if self.shared.inbox(node).is_none() {
                self.start_worker(node);
            }
        }
        for topic in topics {
            let info = self.shared.control.cluster.view().topic(&topic.name).cloned();
            if let Some(info) = info {
                topic.update(&info, self.shared);
            }
        }
    }

    fn start_worker(&self, node: i32) {
        let inbox = Arc::new(Inbox::new(node));
        let own = Arc::clone(&inbox);
        match self.shared.spawn(&node.to_string(), move |shared| worker::run(shared, &own)) {
            Ok(()) => self.shared.add_inbox(inbox),
            Err(error) => log::error!("no thread to send to Kafka broker {node}: {error}"),
        }
    }

    /// Gives up on records that have waited too long for a leader: when to look again, and whether some wait.
    fn expire(&self) -> (Mono, bool) {
        let moment = now();
        let (mut next, mut has_stranded) = (moment + self.shared.settings.refresh, false);
        let mut failed = Vec::new();
        for partition in self.shared.all_topics().iter().flat_map(|topic| topic.all()) {
            if let Some(at) = partition.expire_homeless(&self.shared.settings, moment, &mut failed) {
                next = next.min(at);
            }
            has_stranded |= partition.is_stranded();
        }
        self.shared.end_failed(failed);
        (next, has_stranded)
    }

    /// Asks about the topics, if that is wanted: whether it has succeeded.
    fn ask_topics(&mut self) -> bool {
        if !self.refresh {
            return true;
        }
        let topics = self.shared.all_topics();
        let names: Vec<_> = topics.iter().map(|topic| Arc::clone(&topic.name)).collect();
        let deadline = Deadline::after(self.shared.settings.request_timeout);
        let way = (self.shared.control.cluster.way_out(), deadline);
        let answer = self.shared.control.ask_topics(TopicFilter::Names(&names), way);
        self.asked = now();
        self.refresh = false;
        match answer {
            Ok(infos) => {
                infos.iter().filter_map(trouble_of).for_each(|(info, error)| self.note(&info.name, &error));
                infos
                    .iter()
                    .all(|info| info.error.is_none() && info.partitions.iter().all(|p| p.leader.is_some()))
            }
            Err(error) => {
                names.iter().for_each(|name| self.note(name, &error));
                false
            }
        }
    }

    /// Notes what is the matter with a topic, to be told when its records are given up.
    fn note(&self, topic: &Arc<str>, error: &KafkaError) {
        let Some(topic) = self.shared.known_topic(topic) else { return };
        topic.all().iter().for_each(|partition| {
            // The view has forgotten a topic that is gone, so nobody leads it any more.
            if matches!(error, KafkaError::UnknownTopic { .. }) {
                partition.set_home(None);
            }
            partition.has_trouble(error.clone());
        });
    }

    /// Asks for an id, if one is wanted that is newer than what there is: whether it has succeeded.
    fn ask_id(&mut self) -> bool {
        let generation = self.shared.id().map_or(0, |id| id.generation);
        if self.id_wanted.take_if(|spent| *spent < generation).is_some() || self.id_wanted.is_none() {
            return true;
        }
        match new_id(self.shared, generation + 1) {
            Ok(id) => {
                self.id_wanted = None;
                self.shared.set_id(id);
                true
            }
            Err(KafkaError::Stopped) => false,
            Err(error) => {
                log::warn!("no id for an idempotent Kafka producer: {error}");
                false
            }
        }
    }
}

/// Asks any broker for an id.
pub(super) fn new_id(shared: &Shared, generation: u64) -> Result<ProducerId, KafkaError> {
    let way = (shared.control.cluster.way_out(), Deadline::after(shared.settings.request_timeout));
    let request =
        |_: &_, _| InitProducerIdRequest { transactional_id: None, transaction_timeout_ms: i32::MAX };
    let asked = shared.control.ask_anybody(request, way)?;
    let answer: &crate::kafka::wire::messages::InitProducerIdResponse = &asked.answer;
    let odd = [("producer id", answer.producer_id), ("producer epoch", answer.producer_epoch.into())]
        .into_iter()
        .find(|(_, value)| *value < 0);
    if answer.error_code.is_ok() {
        if let Some((what, value)) = odd {
            return Err(bad_value(&asked.broker, "InitProducerId", None, what, value));
        }
        return Ok(ProducerId { id: answer.producer_id, epoch: answer.producer_epoch, generation });
    }
    Err(KafkaError::Broker {
        broker: asked.broker,
        request: "InitProducerId",
        about: None,
        code: answer.error_code,
    })
}

fn trouble_of(info: &TopicInfo) -> Option<(&TopicInfo, KafkaError)> {
    let topic = Arc::clone(&info.name);
    let error = match info.error? {
        TopicError::Unknown => KafkaError::UnknownTopic { topic, did_you_mean: None },
        TopicError::Broker(code) => KafkaError::Topic { topic, code },
    };
    Some((info, error))
}
