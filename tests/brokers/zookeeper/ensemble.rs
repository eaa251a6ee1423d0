//! Sessions while servers of their ensemble die and come back.

use std::time::Duration;

use batchmill_sources::zookeeper::{Acl, CreateMode, Event, NodeChange, ZooKeeper, ZooKeeperError};
use crossbeam_channel as channel;

use super::{Servers, connect, create, next, node, on, told};
use crate::runs::script;

/// Waits for the event that the session goes on; what comes before it is of connections.
fn await_reconnected(events: &channel::Receiver<Event>) {
    loop {
        match next(events) {
            Event::Reconnected { .. } => return,
            Event::Disconnected { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The next event of a node. An ensemble that has just found a leader may lose it again.
fn next_node(events: &channel::Receiver<Event>) -> Event {
    loop {
        match next(events) {
            Event::Disconnected { .. } | Event::Reconnected { .. } => {}
            other => return other,
        }
    }
}

/// Asks until a connection is not lost meanwhile.
fn again<R>(mut ask: impl FnMut() -> Result<R, ZooKeeperError>) -> R {
    loop {
        match ask() {
            Ok(found) => return found,
            Err(error) if error.may_be_done() => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Brings those back that a scenario has killed, also where it fails.
struct Restart;

impl Drop for Restart {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for n in ["1", "2", "3"] {
                script(&["ensemble", "restart", n]);
            }
        }
    }
}

fn session(servers: &str) -> (ZooKeeper, channel::Receiver<Event>) {
    let (builder, events) = told();
    let zookeeper = builder.session_timeout(Duration::from_secs(20)).connect(servers).unwrap();
    assert!(matches!(next(&events), Event::Connected { .. }));
    assert_eq!(zookeeper.session_timeout(), Duration::from_secs(20));
    (zookeeper, events)
}

#[test]
fn sessions_go_on_when_the_leader_is_killed() {
    on("killed leader", "ensemble", |servers: &Servers| {
        let restart = Restart;
        let chroot = servers.below("leader");
        // They are at servers of their own choice; all lose theirs, for followers start anew too.
        let sessions = [(); 4].map(|()| session(&chroot));
        let mut ids = Vec::new();
        for (n, (zookeeper, _)) in sessions.iter().enumerate() {
            create(zookeeper, &format!("/e{n}"), CreateMode::Ephemeral);
            create(zookeeper, &format!("/w{n}"), CreateMode::Persistent);
            zookeeper.watch_get(&format!("/w{n}")).unwrap();
            zookeeper.watch_exists(&format!("/later{n}")).unwrap();
            ids.push(zookeeper.id());
        }
        let leader = script(&["ensemble", "kill-leader"]);
        for (_, events) in &sessions {
            assert!(matches!(next(events), Event::Disconnected { .. }));
            await_reconnected(events);
        }
        let (other, _) = connect(&chroot);
        for (n, (zookeeper, events)) in sessions.iter().enumerate() {
            assert_eq!(zookeeper.id(), ids[n]);
            let stat = again(|| zookeeper.exists(&format!("/e{n}"))).expect("the session goes on");
            assert_eq!(stat.ephemeral_owner, ids[n]);
            again(|| other.set(&format!("/w{n}"), b"2", None));
            assert_eq!(next_node(events), node(&format!("/w{n}"), NodeChange::DataChanged));
            again(|| other.create_all(&format!("/later{n}"), b"", &Acl::Open));
            assert_eq!(next_node(events), node(&format!("/later{n}"), NodeChange::Created));
        }
        script(&["ensemble", "restart", leader.trim()]);
        drop(restart);
    });
}

#[test]
fn without_a_quorum_nothing_is_served_and_sessions_wait_for_it() {
    on("no quorum", "ensemble", |servers: &Servers| {
        let restart = Restart;
        let chroot = servers.below("quorum");
        let (zookeeper, events) = session(&chroot);
        create(&zookeeper, "/e", CreateMode::Ephemeral);
        zookeeper.watch_get("/e").unwrap();
        let killed = [script(&["ensemble", "kill-leader"]), script(&["ensemble", "kill-leader"])];
        loop {
            // Between the two, the session may go on for a moment.
            match zookeeper.within(Duration::from_millis(100)).get("/e") {
                Err(ZooKeeperError::Unreachable { causes, .. }) if causes.len() == 3 => break,
                Ok(_) => {}
                Err(error) if error.may_be_done() || matches!(error, ZooKeeperError::Unreachable { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        let none = told().0.connect_timeout(Duration::from_secs(1)).connect(&chroot).unwrap_err();
        let ZooKeeperError::Unreachable { causes, .. } = &none else { panic!("{none}") };
        let is_refused = |cause: &&ZooKeeperError| matches!(cause, ZooKeeperError::Refused { .. });
        let is_dead = |cause: &&ZooKeeperError| matches!(cause, ZooKeeperError::Connect { .. });
        let counts = (causes.iter().filter(is_refused).count(), causes.iter().filter(is_dead).count());
        assert_eq!(counts, (1, 2), "{none}");
        assert!(none.to_string().contains("it may have no quorum"), "{none}");

        script(&["ensemble", "restart", killed[0].trim()]);
        await_reconnected(&events);
        let owner = again(|| zookeeper.exists("/e")).expect("the session goes on").ephemeral_owner;
        assert_eq!(owner, zookeeper.id());
        again(|| zookeeper.set("/e", b"2", None));
        assert_eq!(next_node(&events), node("/e", NodeChange::DataChanged));
        script(&["ensemble", "restart", killed[1].trim()]);
        drop(restart);
    });
}

#[test]
fn every_server_by_itself_takes_a_session_and_sees_what_others_wrote() {
    on("each server", "ensemble", |servers: &Servers| {
        let chroot = servers.below("each");
        let (list, path) = chroot.split_once('/').unwrap();
        for (n, server) in list.split(',').enumerate() {
            let (zookeeper, _) = connect(&format!("{server}/{path}"));
            assert_eq!(zookeeper.server().as_deref(), Some(server));
            create(&zookeeper, &format!("/{n}"), CreateMode::Persistent);
            zookeeper.sync("/").unwrap();
            assert_eq!(zookeeper.children("/").unwrap().0.len(), n + 1);
        }
    });
}
