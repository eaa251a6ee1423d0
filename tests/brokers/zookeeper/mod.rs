//! The ZooKeeper client against real servers, and the fake ZooKeeper under the client of others.

mod ensemble;
mod nodes;
mod paused;
mod peer;
mod with_kazoo;

use batchmill_sources::zookeeper::{Acl, CreateMode, Event, NodeChange, ZooKeeper, ZooKeeperBuilder};
use batchmill_tests::DEADLINE;
use crossbeam_channel as channel;

use crate::runs::Runs;

/// Servers that run, by their addresses.
struct Servers {
    addresses: String,
}

/// Runs a scenario against the single ZooKeeper and the ensemble, as far as they run.
fn on_servers(name: &str, scenario: impl Fn(&Servers)) {
    for of in ["zookeeper", "ensemble"] {
        on(name, of, &scenario);
    }
}

/// Runs a scenario against the servers under one name; says so where they do not run.
fn on(name: &str, of: &str, scenario: impl Fn(&Servers)) {
    let Some(runs) = Runs::read() else {
        return println!("{name} on {of}: skipped, BATCHMILL_BROKERS is not set");
    };
    let Some(addresses) = runs.servers(of) else {
        return println!("{name} on {of}: skipped, it does not run");
    };
    scenario(&Servers { addresses: addresses.to_owned() });
    println!("{name} on {of}: ok");
}

impl Servers {
    /// The addresses below a node that this makes anew, for the scenario alone.
    fn below(&self, name: &str) -> String {
        let path = format!("/{name}-{}", std::process::id());
        let zookeeper = ZooKeeper::connect(&self.addresses).unwrap();
        zookeeper.create_all(&path, b"", &Acl::Open).unwrap();
        self.addresses.clone() + &path
    }
}

/// A client whose events go into a channel.
fn told() -> (ZooKeeperBuilder, channel::Receiver<Event>) {
    let (tell, events) = channel::unbounded();
    let builder = ZooKeeper::builder().watcher(move |event| _ = tell.send(event.clone()));
    (builder, events)
}

fn connect(servers: &str) -> (ZooKeeper, channel::Receiver<Event>) {
    let (builder, events) = told();
    let zookeeper = builder.connect(servers).unwrap();
    assert!(matches!(next(&events), Event::Connected { .. }));
    (zookeeper, events)
}

#[track_caller]
fn next(events: &channel::Receiver<Event>) -> Event {
    events.recv_timeout(DEADLINE).unwrap()
}

fn node(path: &str, change: NodeChange) -> Event {
    Event::Node { path: path.to_owned(), change }
}

fn create(zookeeper: &ZooKeeper, path: &str, mode: CreateMode) -> String {
    zookeeper.create(path, b"data", mode, &Acl::Open).unwrap()
}
