//! The client of this crate behind the [`Transport`] trait.

use std::sync::Arc;

use super::cluster::Cluster;
use super::control::{Attempt, Control};
use super::deadline::Deadline;
use super::dialer::{self, Dialer};
use super::fetch::{LeaderFetcher, NativeFetching};
use super::settings::ClientSettings;
use super::transport::{
    Committed, FetchSink, Fetcher, FoundOffsetResult, OffsetAt, TopicFilter, TopicInfo, Transport,
};
use crate::kafka::{KafkaError, TopicPartition};

/// A client of one cluster. It has no thread of its own and connects when it is asked something.
#[derive(Debug)]
pub(crate) struct NativeTransport {
    control: Arc<Control>,
}

impl NativeTransport {
    /// Over TCP or TLS, as the settings say.
    pub(crate) fn new(settings: ClientSettings) -> Self {
        let dialer = dialer::for_security(&settings.secured);
        Self::with_dialer(settings, dialer)
    }

    /// Over whatever the dialer connects with.
    pub(crate) fn with_dialer(settings: ClientSettings, dialer: Box<dyn Dialer>) -> Self {
        Self { control: Arc::new(Control::new(Arc::new(Cluster::new(settings, dialer)))) }
    }

    /// What a member of a group asks with: connections of its own, for a broker answers a connection in order, and has a
    /// member wait for others.
    pub(crate) fn for_member(&self) -> Arc<Control> {
        Arc::new(Control::new(Arc::clone(&self.control.cluster)))
    }
}

impl Transport for NativeTransport {
    fn topics(&self, wanted: TopicFilter<'_>, deadline: Deadline) -> Result<Vec<TopicInfo>, KafkaError> {
        let way = (self.control.cluster.way_out(), deadline);
        self.control.cluster.until(deadline, || self.control.ask_topics(wanted, way).map_err(Attempt::from))
    }

    fn offsets(
        &self,
        at: &[(TopicPartition, OffsetAt)],
        deadline: Deadline,
    ) -> Result<Vec<(TopicPartition, FoundOffsetResult)>, KafkaError> {
        self.control.offsets(at, deadline)
    }

    fn committed(
        &self,
        group: &str,
        of: &[TopicPartition],
        deadline: Deadline,
    ) -> Result<Vec<(TopicPartition, Option<Committed>)>, KafkaError> {
        self.control.committed(group, of, deadline)
    }

    fn commit(
        &self,
        group: &str,
        offsets: &[(TopicPartition, Committed)],
        deadline: Deadline,
    ) -> Result<(), KafkaError> {
        self.control.commit(group, offsets, deadline)
    }

    fn fetcher(&self, sink: Arc<dyn FetchSink>, thread_prefix: &str) -> Result<Box<dyn Fetcher>, KafkaError> {
        let client = Arc::new(NativeFetching::new(Arc::clone(&self.control)));
        Ok(Box::new(LeaderFetcher::start(client, sink, thread_prefix)?))
    }

    fn close(&self) {
        self.control.cluster.way_out().close();
    }
}
