//! The way into a group that ZooKeeper coordinates. On the generate thread, at the start.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use batchmill::{Clock, SystemClock};

use super::input::{Entrance, check_topics};
use crate::kafka::KafkaError;
use crate::kafka::client;
use crate::kafka::client::backoff::BackoffRange;
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::transport::Transport;
use crate::kafka::group::{Assignor, Membership, RebalanceListener};
use crate::kafka::params::KafkaParams;
use crate::kafka::zookeeper::{Who, ZooKeeperGroup, ZooKeeperGroupSettings, check_group, registered_brokers};

/// A group in ZooKeeper.
pub(super) struct InZooKeeper {
    settings: ZooKeeperGroupSettings,
    params: KafkaParams,
    /// How many threads read each topic.
    topics: BTreeMap<Arc<str>, usize>,
}

impl InZooKeeper {
    /// # Errors
    /// What is wrong with the parameters.
    pub(super) fn new(
        quorum: &str,
        params: &KafkaParams,
        topics: &BTreeMap<Arc<str>, usize>,
    ) -> Result<Self, String> {
        let quorum = match (quorum.trim(), &params.zookeeper) {
            ("", Some(quorum)) => quorum.as_str(),
            ("", None) => return Err("there is no ZooKeeper: name one, or set zookeeper.connect".to_owned()),
            (quorum, _) => quorum,
        };
        crate::zookeeper::check_connect_string(quorum).map_err(|error| error.to_string())?;
        params.security.prepare()?;
        let group = params.group_id.as_deref().unwrap_or_default();
        check_group(group)?;
        let own_name = params.group.instance_id().map_or_else(generated_name, str::to_owned);
        check_member(&own_name)?;
        if !params.group.offers(Assignor::Range) {
            return Err("a group in ZooKeeper is shared out by range: add Assignor::Range".to_owned());
        }
        let settings = ZooKeeperGroupSettings {
            who: Who {
                servers: quorum.into(),
                group: group.into(),
                member: format!("{group}_{own_name}").into(),
            },
            session: params.group.zookeeper_session(),
            connect_timeout: params.connect_timeout,
            request_timeout: params.request_timeout,
            backoff: BackoffRange { first: params.backoff, longest: params.backoff_max },
            auth: params.zookeeper_auth.clone(),
            max_poll: params.group.max_poll(),
        };
        Ok(Self { settings, params: params.clone(), topics: topics.clone() })
    }

    /// The brokers that are registered.
    fn brokers(&self) -> Result<String, KafkaError> {
        let who = &self.settings.who;
        let protocol = self.params.security.protocol().to_string();
        let found =
            self.settings.begin(|_| ()).and_then(|zookeeper| zookeeper.wait_begun().map(|()| zookeeper));
        let zookeeper = found.map_err(|error| who.error(error.into()))?;
        registered_brokers(zookeeper.session(), &protocol).map_err(|failure| who.error(failure))
    }
}

impl Entrance for InZooKeeper {
    fn connect(&mut self) -> Result<Arc<dyn Transport>, KafkaError> {
        let settings = self.params.client_settings(&self.brokers()?).map_err(KafkaError::Parameter)?;
        let transport = client::connect(settings);
        let deadline = Deadline::after(self.params.request_timeout + self.params.connect_timeout);
        check_topics(&self.topics, &*transport, deadline)?;
        Ok(transport)
    }

    fn join(
        &mut self,
        listener: &dyn Fn(usize) -> Arc<dyn RebalanceListener>,
    ) -> Result<Vec<Box<dyn Membership>>, KafkaError> {
        let threads = |(topic, threads): (&Arc<str>, &usize)| {
            (Arc::clone(topic), u32::try_from(*threads).unwrap_or(u32::MAX))
        };
        let topics = self.topics.iter().map(threads).collect();
        let group = ZooKeeperGroup::join(self.settings.clone(), topics, listener(0))?;
        Ok(vec![Box::new(group)])
    }
}

/// A name as old consumers give themselves: host, time in milliseconds, and eight digits that nobody else has.
fn generated_name() -> String {
    let random = RandomState::new().hash_one(std::process::id()) as u32;
    format!("{}-{}-{random:08x}", host_name(), SystemClock::new().wall().as_ms())
}

/// This machine's name, as far as it can be a part of a path.
fn host_name() -> String {
    let from_system = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let from_environment = || ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let name = from_system.or_else(from_environment).unwrap_or_default();
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')).collect();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

fn check_member(name: &str) -> Result<(), String> {
    match name.contains('/') || name.chars().any(char::is_control) {
        true => Err(format!("{name:?} cannot be the id of a member in ZooKeeper")),
        false => Ok(()),
    }
}
