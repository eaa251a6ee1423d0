//! The way into a group that a broker coordinates. On the generate thread, at the start.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::input::{Entrance, check_topics};
use crate::kafka::KafkaError;
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::native::NativeTransport;
use crate::kafka::client::settings::ClientSettings;
use crate::kafka::client::transport::Transport;
use crate::kafka::group::{ClassicGroup, GroupSettings, Membership, RebalanceListener, Subscription};
use crate::kafka::params::KafkaParams;

/// A group of a cluster's own.
pub(super) struct BrokerGroup {
    pub(super) settings: Option<ClientSettings>,
    pub(super) params: KafkaParams,
    /// How many members read each topic.
    pub(super) topics: BTreeMap<Arc<str>, usize>,
    pub(super) client: Option<Arc<NativeTransport>>,
}

impl BrokerGroup {
    /// What is said of the topics is no member's affair, all else is.
    fn not_asked(&self, error: KafkaError) -> KafkaError {
        if matches!(error, KafkaError::UnknownTopic { .. } | KafkaError::Topic { .. }) {
            return error;
        }
        let member = self.params.group.instance_id().unwrap_or(&self.params.client_id);
        KafkaError::Member {
            group: self.params.group_id.as_deref().unwrap_or_default().into(),
            member: member.into(),
            cause: Arc::new(error),
        }
    }
}

impl Entrance for BrokerGroup {
    fn connect(&mut self) -> Result<Arc<dyn Transport>, KafkaError> {
        let settings = self.settings.take().expect("a context with a mistake does not start");
        let transport = Arc::new(NativeTransport::new(settings));
        let deadline = Deadline::after(self.params.request_timeout + self.params.connect_timeout);
        check_topics(&self.topics, &*transport, deadline).map_err(|error| self.not_asked(error))?;
        self.client = Some(Arc::clone(&transport));
        Ok(transport)
    }

    fn join(
        &mut self,
        listener: &dyn Fn(usize) -> Arc<dyn RebalanceListener>,
    ) -> Result<Vec<Box<dyn Membership>>, KafkaError> {
        let client = self.client.as_ref().expect("it has connected before");
        let settings = GroupSettings::of(&self.params)?;
        let members = self.topics.values().copied().max().unwrap_or(0);
        let join = |number| {
            let names = self.topics.iter().filter(|(_, members)| **members > number);
            let topics = Subscription::names(names.map(|(name, _)| Arc::clone(name)));
            let settings = settings.clone().of_several(number, members);
            let group = ClassicGroup::join(settings, topics, client.for_member(), listener(number))?;
            Ok(Box::new(group) as Box<dyn Membership>)
        };
        (0..members).map(join).collect()
    }
}
