//! A process that is paused for longer than its session lives, as by a debugger, a full disk or a suspended machine.

use std::process::Command;
use std::time::Duration;

use batchmill_sources::zookeeper::{CreateMode, Event, NodeChange};

use super::peer::{Peer, TELLS};
use super::{connect, create, next, node, on_servers, told};

/// By which a child knows its servers.
const SERVERS: &str = "BATCHMILL_ZOOKEEPER_CHILD";

/// Longer than a pause that the machine makes by itself.
const SESSION: Duration = Duration::from_secs(3);

#[test]
fn a_process_that_is_paused_beyond_its_session_sees_that_it_has_expired() {
    on_servers("paused process", |servers| {
        let chroot = servers.below("paused");
        let (other, events) = connect(&chroot);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["zookeeper::paused::a_child_holds_a_session", "--exact", "--nocapture"]);
        let child = Peer::start(command.env(SERVERS, &chroot));
        assert_eq!(child.next(), "holds /held");
        other.sync("/").unwrap();
        assert!(other.watch_exists("/held").unwrap().is_some());
        child.pause();
        assert_eq!(next(&events), node("/held", NodeChange::Deleted));
        assert!(child.is_quiet());
        child.go_on();
        assert_eq!(child.next(), "Disconnected");
        assert_eq!(child.next(), "Expired");
        let error = child.next();
        assert!(error.starts_with("the ZooKeeper session at 127.0.0.1:"), "{error}");
        assert!(error.ends_with("has expired"), "{error}");
        assert!(events.is_empty());
    });
}

/// What the child does; without the environment it is nobody's child, and there is nothing to do.
#[test]
fn a_child_holds_a_session() {
    let Ok(servers) = std::env::var(SERVERS) else { return };
    let tell = |line: &str| println!("\n{TELLS}{line}");
    let (builder, events) = told();
    let zookeeper = builder.session_timeout(SESSION).connect(&servers).unwrap();
    assert!(matches!(next(&events), Event::Connected { .. }));
    assert_eq!(zookeeper.session_timeout(), SESSION);
    create(&zookeeper, "/held", CreateMode::Ephemeral);
    tell("holds /held");
    loop {
        match next(&events) {
            Event::Disconnected { .. } => tell("Disconnected"),
            Event::Expired => break tell("Expired"),
            other => break tell(&format!("{other:?}")),
        }
    }
    tell(&zookeeper.get("/held").unwrap_err().to_string());
}
