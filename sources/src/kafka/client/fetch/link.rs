//! One broker, as the client of this crate fetches from it: a connection of its own, on which the next request leaves before
//! anybody has looked at the records of the last. Runs on the broker's fetch thread.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::answer;
use super::desk::{Desk, Served};
use super::epochs;
use super::frames::{FrameBuffer, FramePool};
use super::request::FetchPlan;
use super::settle::{Settled, Settler};
use super::{FetchClient, Link};
use crate::kafka::KafkaError;
use crate::kafka::client::cluster::{Cluster, Target};
use crate::kafka::client::connection::Connection;
use crate::kafka::client::control::Control;
use crate::kafka::client::deadline::{Deadline, now};
use crate::kafka::client::negotiation;
use crate::kafka::client::transport::{FetchFailure, TopicFilter, TopicInfo};
use crate::kafka::client::way_out::WayOut;
use crate::kafka::wire::ApiKey;
use crate::kafka::wire::messages::{FetchResponse, PartitionData};

/// The client of this crate, as its fetchers use it.
pub(crate) struct NativeFetching {
    control: Arc<Control>,
    frames: FramePool,
}

impl NativeFetching {
    pub(crate) fn new(control: Arc<Control>) -> Self {
        // Of the answers in tasks' hands, two at a time come back for the next ones.
        let frames = FramePool::new(2 * control.cluster.settings().fetch_bytes as usize);
        Self { control, frames }
    }
}

impl FetchClient for NativeFetching {
    fn cluster(&self) -> &Arc<Cluster> {
        &self.control.cluster
    }

    fn ask_topics(
        &self,
        wanted: TopicFilter<'_>,
        way: (&WayOut, Deadline),
    ) -> Result<Vec<TopicInfo>, KafkaError> {
        self.control.ask_topics(wanted, way)
    }

    fn link(&self, _: i32) -> Box<dyn Link> {
        Box::new(NativeLink { frames: self.frames.clone(), open: None })
    }
}

struct NativeLink {
    frames: FramePool,
    open: Option<Open>,
}

struct Open {
    connection: Connection,
    target: Target,
    /// It has brought an answer already.
    has_fetched: bool,
}

impl Link for NativeLink {
    fn fetch(&mut self, desk: &mut Desk<'_>, plan: &FetchPlan) -> Result<(), KafkaError> {
        self.connect(desk)?;
        let mut plan = plan.clone();
        self.check_epochs(desk, &mut plan)?;
        let Some(open) = self.open.as_mut().filter(|_| !plan.partitions.is_empty()) else { return Ok(()) };
        let cluster = Arc::clone(desk.shared.cluster());
        let settings = cluster.settings();
        let connection = &mut open.connection;
        let version = connection.version(ApiKey::FETCH)?;
        if version < 3 {
            plan.cut_to(settings.fetch_bytes);
        }
        let patience = settings.request_timeout + settings.fetch_max_wait + connection.throttle();
        let request = plan.request(settings, &cluster.view());
        let sent = now();
        let asked = connection.send(version, &request, Deadline::after(patience))?;
        let length = connection.receive_length(&asked)?;
        let mut frame = self.frames.take(length);
        connection.receive(&asked, frame.bytes_mut())?;
        let frame = Arc::new(frame);
        let body = connection.body(&asked, &frame)?;
        let answer: FetchResponse<'_> = connection.decode(&asked, body)?;
        connection.throttled(answer.throttle_time_ms);
        if !answer.error_code.is_ok() {
            return Err(KafkaError::Broker {
                broker: Arc::clone(connection.broker()),
                request: "Fetch",
                about: None,
                code: answer.error_code,
            });
        }
        open.has_fetched = true;
        let broker = Arc::clone(connection.broker());
        settle(desk, &plan, &answer, (&frame, version), (&broker, now() - sent));
        Ok(())
    }

    fn break_off(&mut self, desk: &Desk<'_>) -> bool {
        let Some(open) = self.open.take() else { return false };
        desk.shared.cluster().lost(&open.target);
        open.has_fetched
    }
}

impl NativeLink {
    /// Makes sure that there is a connection.
    fn connect(&mut self, desk: &Desk<'_>) -> Result<(), KafkaError> {
        if self.open.as_ref().is_some_and(|open| !open.connection.is_expired()) {
            return Ok(());
        }
        self.open = None;
        let cluster = desk.shared.cluster();
        let Some(target) = cluster.target(desk.node) else {
            // The cluster has forgotten the broker since its partitions were looked at.
            return Err(KafkaError::Stopped);
        };
        let deadline =
            Deadline::after(cluster.settings().connect_timeout + cluster.settings().request_timeout);
        let connection = negotiation::open(cluster, &target, &desk.shared.way_out, deadline)?;
        self.open = Some(Open { connection, target, has_fetched: false });
        Ok(())
    }

    /// Checks logs for a truncation, and takes those that cannot be fetched out of the plan.
    fn check_epochs(&mut self, desk: &mut Desk<'_>, plan: &mut FetchPlan) -> Result<(), KafkaError> {
        let questions = epochs::questions(plan, &mut desk.own, &desk.shared.cluster().view());
        let Some(open) = self.open.as_mut().filter(|_| !questions.is_empty()) else { return Ok(()) };
        let deadline = Deadline::after(desk.shared.cluster().settings().request_timeout);
        let Some(findings) = epochs::ask(&mut open.connection, &questions, deadline)? else { return Ok(()) };
        let broker = Arc::clone(open.connection.broker());
        let mut settler = Settler::new(desk.shared, desk.node, &broker);
        let mut given_back = BTreeSet::new();
        for (question, finding) in questions.iter().zip(findings) {
            let Some(partition) = desk.own.iter_mut().find(|partition| partition.name == question.name)
            else {
                continue;
            };
            match settler.settle_finding(partition, question, finding) {
                Settled::Checked => continue,
                Settled::Kept => {}
                Settled::GivenBack => _ = given_back.insert(question.name.clone()),
            }
            plan.partitions.retain(|planned| planned.name != question.name);
        }
        desk.give_back(&given_back);
        Ok(())
    }
}

/// Hands over what has come, and notes what has not.
fn settle(
    desk: &mut Desk<'_>,
    plan: &FetchPlan,
    answer: &FetchResponse<'_>,
    (frame, version): (&Arc<FrameBuffer>, i16),
    (broker, took): (&Arc<str>, Duration),
) {
    let isolation = desk.shared.cluster().settings().isolation;
    let data = answer.responses.iter().flat_map(|topic| {
        topic.partitions.iter().map(|data| ((topic.topic.as_str(), data.partition_index), data))
    });
    let data: HashMap<_, &PartitionData<'_>> = data.collect();
    desk.settle(plan, broker, took, |settler, partition, want, is_first| {
        let name = partition.name.clone();
        let Some(data) = data.get(&(&*name.topic, name.partition)) else {
            // An answer that is put off by a quota has nothing in it.
            if answer.throttle_time_ms <= 0 {
                settler.unanswered(partition, want, "Fetch");
            }
            return None;
        };
        let had_its_turn = !data.records.is_empty() || version < 3;
        let read = || {
            answer::read(&name, frame, data, want.offset, isolation)
                .map_err(|cause| FetchFailure::Corrupt { offset: want.offset, cause })
        };
        Some(Served { settled: settler.settle(partition, want, data, is_first, read), had_its_turn })
    });
}
