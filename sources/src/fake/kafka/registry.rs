//! A fake cluster as its brokers and topics are registered in a fake ZooKeeper, as releases before 4.0 do it: the nodes that
//! clients look at. Written under the cluster's lock, whenever what they show has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::cluster::State;
use super::profile::Profile;
use super::topic::Partition;
use crate::fake::zookeeper::Nodes;

/// Where a cluster is registered.
pub(super) struct Registry {
    nodes: Nodes,
    /// The chroot; empty for none.
    below: String,
    /// What was registered last.
    seen: u64,
    topics: BTreeSet<String>,
}

impl Registry {
    pub(super) fn new(nodes: Nodes, below: String) -> Self {
        Self { nodes, below, seen: 0, topics: BTreeSet::new() }
    }

    /// Registers what has changed.
    pub(super) fn publish(&mut self, state: &State) {
        let seen = fingerprint(state);
        if std::mem::replace(&mut self.seen, seen) == seen {
            return;
        }
        let mut all = BTreeMap::new();
        for broker in &state.brokers {
            let path = format!("{}/brokers/ids/{}", self.below, broker.id);
            if broker.running {
                let (host, port) = (&broker.host, broker.port);
                let node = match state.profile_of(broker.id) {
                    Profile::V0_8 => format!(
                        r#"{{"jmx_port":-1,"timestamp":"1","host":"{host}","version":1,"port":{port}}}"#
                    ),
                    _ => format!(
                        r#"{{"jmx_port":-1,"timestamp":"1","endpoints":["{protocol}://{host}:{port}"],"host":"{host}","version":2,"port":{port}}}"#,
                        protocol = protocol(state),
                    ),
                };
                all.insert(path, node);
            } else {
                self.nodes.delete(&path);
            }
        }
        for gone in self.topics.iter().filter(|topic| !state.topics.contains_key(*topic)) {
            self.nodes.delete(&format!("{}/brokers/topics/{gone}", self.below));
        }
        self.topics = state.topics.keys().cloned().collect();
        for (name, topic) in &state.topics {
            let path = format!("{}/brokers/topics/{name}", self.below);
            let replicas =
                |(at, partition): (usize, &Partition)| format!(r#""{at}":{:?}"#, partition.replicas);
            let partitions: Vec<_> = topic.partitions.iter().enumerate().map(replicas).collect();
            all.insert(path.clone(), format!(r#"{{"version":1,"partitions":{{{}}}}}"#, partitions.join(",")));
            for (at, partition) in topic.partitions.iter().enumerate() {
                let (leader, epoch, isr) = (partition.leader, partition.leader_epoch, &partition.replicas);
                let node = format!(
                    r#"{{"controller_epoch":1,"leader":{leader},"version":1,"leader_epoch":{epoch},"isr":{isr:?}}}"#
                );
                all.insert(format!("{path}/partitions/{at}/state"), node);
            }
        }
        for (path, node) in all {
            self.nodes.put_changed(&path, node.as_bytes());
        }
    }
}

/// Changes when what is registered does.
fn fingerprint(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    for broker in &state.brokers {
        (broker.id, broker.running, &broker.host, broker.port).hash(&mut hasher);
    }
    for (name, topic) in &state.topics {
        name.hash(&mut hasher);
        for partition in &topic.partitions {
            (partition.leader, partition.leader_epoch, &partition.replicas).hash(&mut hasher);
        }
    }
    hasher.finish().max(1)
}

fn protocol(state: &State) -> &'static str {
    #[cfg(feature = "tls")]
    let has_tls = state.tls.is_some();
    #[cfg(not(feature = "tls"))]
    let has_tls = false;
    #[cfg(feature = "sasl")]
    let has_sasl = state.sasl.is_some();
    #[cfg(not(feature = "sasl"))]
    let has_sasl = false;
    let _ = state;
    match (has_tls, has_sasl) {
        (false, false) => "PLAINTEXT",
        (true, false) => "SSL",
        (false, true) => "SASL_PLAINTEXT",
        (true, true) => "SASL_SSL",
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("below", &self.below).finish_non_exhaustive()
    }
}
