//! Sessions of ours and of kazoo's at the same servers, real ones and the fake: each sees what the other has made.

use std::path::Path;

use batchmill_sources::fake::zookeeper::FakeZooKeeper;
use batchmill_sources::zookeeper::{Acl, CreateMode, NodeChange, ZooKeeperError};
use batchmill_tests::DEADLINE;

use super::peer::Peer;
use super::{connect, create, next, node, on_servers, told};
use crate::runs::Runs;

#[test]
fn kazoo_and_ours_see_the_same_nodes_of_real_servers() {
    on_servers("kazoo", |servers| {
        let runs = Runs::read().expect("it names the servers");
        let chroot = servers.below("kazoo");
        let mut kazoo = kazoo(&runs, &chroot);
        share(&mut kazoo, &chroot);
        expire(kazoo, &chroot, Peer::pause, Peer::go_on);
    });
}

#[test]
fn kazoo_and_ours_see_the_same_nodes_of_the_fake() {
    let Some(runs) = Runs::read() else {
        return println!("kazoo at the fake: skipped, BATCHMILL_BROKERS is not set");
    };
    let fake = FakeZooKeeper::builder().servers(3).node("/app", "").start().unwrap();
    let chroot = format!("{}/app", fake.connect_string());
    let mut kazoo = kazoo(&runs, &chroot);
    share(&mut kazoo, &chroot);

    // Its session outlives a connection, with its ephemeral nodes; watches it does not set again.
    let id: i64 = answer(&mut kazoo, "id", "").parse().unwrap();
    assert_eq!(answer(&mut kazoo, "ephemeral", "/stays x"), "/stays");
    assert!(fake.disconnect(id));
    assert_eq!((kazoo.next(), kazoo.next()), ("state SUSPENDED".into(), "state CONNECTED".into()));
    assert!(fake.wait_until(DEADLINE, |fake| fake.sessions().iter().any(|session| session.id == id)));
    assert_eq!(fake.node("/app/stays").unwrap().stat.ephemeral_owner, id);
    assert_eq!(answer(&mut kazoo, "delete", "/stays"), "True");

    expire(kazoo, &chroot, |_| assert!(fake.expire(id)), |_| ());
    println!("kazoo at the fake: ok");
}

fn kazoo(runs: &Runs, servers: &str) -> Peer {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("brokers/zookeeper/kazoo_peer.py");
    let kazoo = Peer::start(runs.python().arg(script).args([servers, "4"]));
    assert_eq!(kazoo.next(), "state CONNECTED");
    kazoo
}

/// What it tells of a verb that it was told.
#[track_caller]
fn answer(kazoo: &mut Peer, verb: &str, arguments: &str) -> String {
    let told = kazoo.ask(&format!("{verb} {arguments}"));
    told.strip_prefix(&format!("{verb} ")).unwrap_or_else(|| panic!("{verb}: {told}")).to_owned()
}

/// Nodes, watches, numbers and credentials of both.
fn share(kazoo: &mut Peer, chroot: &str) {
    let (ours, events) = connect(chroot);
    assert_eq!(answer(kazoo, "create", "/a 1"), "/a");
    ours.sync("/").unwrap();
    assert_eq!(ours.watch_get("/a").unwrap().0, b"1");
    assert_eq!(answer(kazoo, "set", "/a 2"), "1");
    assert_eq!(next(&events), node("/a", NodeChange::DataChanged));
    assert_eq!(answer(kazoo, "watch", "/a"), "2");
    ours.set("/a", b"3", Some(1)).unwrap();
    assert_eq!(kazoo.next(), "event CHANGED /a");
    assert_eq!(answer(kazoo, "set", "/a 4"), "3");
    let stale = ours.set("/a", b"x", Some(2)).unwrap_err();
    assert!(matches!(stale, ZooKeeperError::BadVersion { .. }), "{stale}");

    assert_eq!(answer(kazoo, "watch-children", "/"), "a");
    create(&ours, "/e", CreateMode::Ephemeral);
    assert_eq!(kazoo.next(), "event CHILD /");
    assert_eq!(answer(kazoo, "children", "/"), "a,e");
    assert_eq!(answer(kazoo, "create", "/e/x x"), "NoChildrenForEphemeralsError");
    ours.watch_children("/").unwrap();
    assert_eq!(answer(kazoo, "delete", "/e"), "True");
    assert_eq!(next(&events), node("/", NodeChange::ChildrenChanged));

    let first = create(&ours, "/n-", CreateMode::PersistentSequential);
    let second = answer(kazoo, "sequence", "/n- x");
    let third = create(&ours, "/n-", CreateMode::PersistentSequential);
    let number = |path: &str| path["/n-".len()..].parse::<u32>().unwrap();
    assert_eq!((number(&second), number(&third)), (number(&first) + 1, number(&first) + 2));

    // Both compute the same of a password.
    assert_eq!(answer(kazoo, "auth", "ann:secret"), "True");
    assert_eq!(answer(kazoo, "protect", "/hers 1"), "/hers");
    ours.sync("/").unwrap();
    let refused = ours.get("/hers").unwrap_err();
    assert!(matches!(refused, ZooKeeperError::NoAuth { .. }), "{refused}");
    let ann = told().0.digest_auth("ann", "secret").connect(chroot).unwrap();
    assert_eq!(ann.get("/hers").unwrap().0, b"1");
    ann.create("/ours", b"2", CreateMode::Persistent, &Acl::CreatorAll).unwrap();
    assert_eq!(ann.acl("/ours").unwrap(), ann.acl("/hers").unwrap());
    assert_eq!(answer(kazoo, "children", "/ours"), "");
    assert_eq!(answer(kazoo, "get", "/ours"), "2");
}

/// Its session ends while it knows nothing of that; then it is let go on.
fn expire(mut kazoo: Peer, chroot: &str, end: impl FnOnce(&Peer), go_on: impl FnOnce(&Peer)) {
    let (ours, events) = connect(chroot);
    assert_eq!(answer(&mut kazoo, "ephemeral", "/member x"), "/member");
    ours.sync("/").unwrap();
    assert!(ours.watch_exists("/member").unwrap().is_some_and(|stat| stat.is_ephemeral()));
    let id = answer(&mut kazoo, "id", "");
    end(&kazoo);
    assert_eq!(next(&events), node("/member", NodeChange::Deleted));
    go_on(&kazoo);
    // It is not told of a lost connection where the server says at once that the session is over.
    let states: Vec<_> =
        std::iter::from_fn(|| Some(kazoo.next()).filter(|told| told != "state CONNECTED")).collect();
    assert_eq!(states.last().map(String::as_str), Some("state LOST"), "{states:?}");
    assert_eq!(answer(&mut kazoo, "exists", "/member"), "False");
    assert_ne!(answer(&mut kazoo, "id", ""), id);
    assert_eq!(answer(&mut kazoo, "ephemeral", "/member y"), "/member");
    ours.sync("/").unwrap();
    assert_eq!(ours.get("/member").unwrap().0, b"y");
}
