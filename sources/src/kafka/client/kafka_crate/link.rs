//! One broker, as the crate fetches from it. Runs on the broker's fetch thread, which waits for the crate's thread and can leave
//! it where it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::asking::Asking;
use super::lane::{Lane, Strays};
use super::reading::{self, Came, Outcome, Question};
use crate::kafka::KafkaError;
use crate::kafka::client::cluster::Cluster;
use crate::kafka::client::deadline::{Deadline, now};
use crate::kafka::client::fetch::{Desk, FetchClient, FetchPlan, Link, Read, Served};
use crate::kafka::client::transport::{FetchFailure, TopicFilter, TopicInfo};
use crate::kafka::client::way_out::WayOut;
use crate::kafka::wire::ErrorCode;
use crate::kafka::wire::messages::PartitionData;

/// The crate, as fetchers use it.
pub(super) struct CrateFetching {
    asking: Arc<Asking>,
    strays: Strays,
}

impl CrateFetching {
    pub(super) fn new(asking: Arc<Asking>, strays: Strays) -> Self {
        Self { asking, strays }
    }
}

impl FetchClient for CrateFetching {
    fn cluster(&self) -> &Arc<Cluster> {
        self.asking.cluster()
    }

    fn ask_topics(
        &self,
        wanted: TopicFilter<'_>,
        way: (&WayOut, Deadline),
    ) -> Result<Vec<TopicInfo>, KafkaError> {
        self.asking.topics(wanted, way)
    }

    fn link(&self, node: i32) -> Box<dyn Link> {
        let name = format!("kafka-crate-fetch-{node}");
        let lane = Lane::new(Arc::clone(self.cluster()), name, self.strays.clone());
        Box::new(CrateLink { asking: Arc::clone(&self.asking), lane, has_fetched: false })
    }
}

struct CrateLink {
    asking: Arc<Asking>,
    lane: Lane,
    has_fetched: bool,
}

impl Link for CrateLink {
    fn fetch(&mut self, desk: &mut Desk<'_>, plan: &FetchPlan) -> Result<(), KafkaError> {
        let cluster = Arc::clone(desk.shared.cluster());
        let settings = cluster.settings();
        let mut plan = plan.clone();
        plan.cut_to(settings.fetch_bytes);
        let wait = Duration::from_millis(u64::try_from(plan.max_wait_ms(settings)).unwrap_or(0));
        let begun = now();
        // A connection and what is known of the cluster may be part of it.
        let deadline = Deadline::after(settings.connect_timeout + settings.request_timeout + wait);
        let question = Question {
            node: desk.node,
            wants: plan.partitions.iter().map(|planned| (planned.name.clone(), planned.want)).collect(),
            wait,
            gaps: settings.gaps,
            most_bytes: settings.most_fetch_bytes,
            deadline: Deadline::after(settings.request_timeout),
        };
        let way_out = desk.shared.way_out.clone();
        let asked =
            self.lane.ask("Fetch", (&way_out, deadline), move |session| reading::fetch(session, &question));
        let outcomes = asked.map_err(|error| self.asking.explained(error, (&way_out, deadline)))?;
        self.has_fetched = true;
        let broker: Arc<str> =
            cluster.target(desk.node).map_or_else(|| "of the cluster".into(), |t| t.to_string().into());
        let mut outcomes: BTreeMap<_, _> = outcomes.into_iter().collect();
        desk.settle(&plan, &broker, now() - begun, |settler, partition, want, is_first| {
            let Some(outcome) = outcomes.remove(&partition.name) else {
                settler.unanswered(partition, want, "Fetch");
                return None;
            };
            let data = |error_code, high_watermark| PartitionData {
                error_code,
                high_watermark,
                last_stable_offset: -1,
                log_start_offset: -1,
                preferred_read_replica: -1,
                ..PartitionData::default()
            };
            let (data, read) = match outcome {
                Outcome::Came(came) => {
                    let data = data(ErrorCode::NONE, came.high_watermark);
                    (data, Ok(came))
                }
                Outcome::Refused(code) => (data(code, 0), Err(KafkaError::Stopped)),
                Outcome::Bad(cause) => (data(ErrorCode::NONE, want.offset), Err(cause)),
            };
            let offset = want.offset;
            let read = || read.map(Read::from).map_err(|cause| FetchFailure::Corrupt { offset, cause });
            let settled = settler.settle(partition, want, &data, is_first, read);
            Some(Served { settled, had_its_turn: true })
        });
        Ok(())
    }

    fn break_off(&mut self, _: &Desk<'_>) -> bool {
        std::mem::take(&mut self.has_fetched)
    }
}

impl From<Came> for Read {
    fn from(came: Came) -> Self {
        Self {
            blocks: came.blocks,
            next_offset: came.next_offset,
            leader_epoch: None,
            truncated_record: came.needs,
        }
    }
}
