//! The client against the fake: nodes, watches, credentials and chroots; in `trouble.rs`, what becomes of sessions.

mod trouble;

use std::time::Duration;

use crossbeam_channel as channel;

use super::*;
use crate::zookeeper::{
    Acl, CreateMode, ErrorCode, Event, NodeChange, ZooKeeper, ZooKeeperBuilder, ZooKeeperError,
};

const SOON: Duration = Duration::from_secs(30);

/// A client whose events go into a channel.
fn told() -> (ZooKeeperBuilder, channel::Receiver<Event>) {
    let (tell, events) = channel::unbounded();
    let builder = ZooKeeper::builder().watcher(move |event| _ = tell.send(event.clone()));
    (builder, events)
}

fn connect(server: &FakeZooKeeper) -> (ZooKeeper, channel::Receiver<Event>) {
    let (builder, events) = told();
    let zookeeper = builder.connect(&server.connect_string()).unwrap();
    assert!(matches!(next(&events), Event::Connected { .. }));
    (zookeeper, events)
}

#[track_caller]
fn next(events: &channel::Receiver<Event>) -> Event {
    events.recv_timeout(SOON).unwrap()
}

fn node(path: &str, change: NodeChange) -> Event {
    Event::Node { path: path.to_owned(), change }
}

fn create(zookeeper: &ZooKeeper, path: &str, mode: CreateMode) -> Result<String, ZooKeeperError> {
    zookeeper.create(path, b"data", mode, &Acl::Open)
}

#[test]
fn nodes_are_created_read_changed_and_deleted() {
    let server = FakeZooKeeper::start().unwrap();
    let (zookeeper, _) = connect(&server);
    assert_eq!(create(&zookeeper, "/a", CreateMode::Persistent).unwrap(), "/a");
    let (data, stat) = zookeeper.get("/a").unwrap();
    assert_eq!((&*data, stat.version, stat.data_length, stat.is_ephemeral()), (&b"data"[..], 0, 4, false));
    assert_eq!(zookeeper.set("/a", b"more", Some(0)).unwrap().version, 1);
    assert!(matches!(zookeeper.set("/a", b"x", Some(0)), Err(ZooKeeperError::BadVersion { version: 0, .. })));
    assert!(matches!(
        create(&zookeeper, "/a", CreateMode::Persistent),
        Err(ZooKeeperError::NodeExists { .. })
    ));
    zookeeper.create_all("/a/b/c", b"", &Acl::Open).unwrap();
    assert_eq!(zookeeper.children("/a").unwrap().0, ["b"]);
    assert!(matches!(zookeeper.delete("/a", None), Err(ZooKeeperError::NotEmpty { .. })));
    zookeeper.delete("/a/b/c", Some(0)).unwrap();
    let stat = zookeeper.exists("/a/b").unwrap().unwrap();
    assert_eq!((stat.cversion, stat.num_children), (2, 0));
    assert_eq!(zookeeper.exists("/a/b/c").unwrap(), None);
    assert!(matches!(zookeeper.get("/a/b/c"), Err(ZooKeeperError::NoNode { .. })));
    assert!(matches!(zookeeper.get("a"), Err(ZooKeeperError::Path { .. })));
    zookeeper.sync("/a").unwrap();
}

#[test]
fn the_server_numbers_sequential_nodes_by_what_was_created() {
    let server = FakeZooKeeper::builder().node("/q", "").start().unwrap();
    let (zookeeper, _) = connect(&server);
    let make = || create(&zookeeper, "/q/n-", CreateMode::EphemeralSequential).unwrap();
    assert_eq!((make(), make()), ("/q/n-0000000000".into(), "/q/n-0000000001".into()));
    zookeeper.delete("/q/n-0000000001", None).unwrap();
    assert_eq!(make(), "/q/n-0000000002");
    let (plain, mode) = ("/q/n-0000000000/x", CreateMode::Persistent);
    let error = create(&zookeeper, plain, mode).unwrap_err();
    assert!(matches!(error, ZooKeeperError::Server { code: ErrorCode::NO_CHILDREN_FOR_EPHEMERALS, .. }));
}

#[test]
fn closing_ends_the_session_and_its_ephemeral_nodes() {
    let server = FakeZooKeeper::start().unwrap();
    let (zookeeper, events) = connect(&server);
    create(&zookeeper, "/e", CreateMode::Ephemeral).unwrap();
    assert_eq!(server.sessions()[0].ephemerals, ["/e"]);
    zookeeper.close();
    assert_eq!((server.get("/e"), server.sessions()), (None, vec![]));
    assert_eq!(next(&events), Event::Closed);
    assert!(matches!(zookeeper.get("/e"), Err(ZooKeeperError::Closed { .. })));
}

#[test]
fn a_watch_is_told_of_one_change() {
    let server = FakeZooKeeper::builder().node("/a", "1").start().unwrap();
    let (zookeeper, events) = connect(&server);
    zookeeper.watch_get("/a").unwrap();
    zookeeper.watch_children("/a").unwrap();
    assert_eq!(zookeeper.watch_exists("/b").unwrap(), None);
    server.put("/a", "2");
    server.put("/a", "3");
    server.put("/a/c", "");
    server.put("/b", "");
    assert_eq!(next(&events), node("/a", NodeChange::DataChanged));
    assert_eq!(next(&events), node("/a", NodeChange::ChildrenChanged));
    assert_eq!(next(&events), node("/b", NodeChange::Created));
    zookeeper.watch_exists("/b").unwrap();
    server.delete("/b");
    assert_eq!(next(&events), node("/b", NodeChange::Deleted));
    zookeeper.sync("/").unwrap();
    assert!(events.is_empty());
}

#[test]
fn a_session_outlives_its_connection_with_nodes_and_watches() {
    let server = FakeZooKeeper::builder().node("/a", "1").start().unwrap();
    let (zookeeper, events) = connect(&server);
    create(&zookeeper, "/e", CreateMode::Ephemeral).unwrap();
    zookeeper.watch_get("/a").unwrap();
    let id = zookeeper.id();
    assert!(server.disconnect(id));
    assert!(matches!(next(&events), Event::Disconnected { .. }));
    assert!(matches!(next(&events), Event::Reconnected { .. }));
    assert_eq!((zookeeper.id(), server.sessions()[0].ephemerals.clone()), (id, vec!["/e".to_owned()]));
    server.put("/a", "2");
    assert_eq!(next(&events), node("/a", NodeChange::DataChanged));
}

#[test]
fn changes_missed_without_a_connection_are_told_after_it() {
    let server = FakeZooKeeper::builder().node("/a", "1").node("/gone", "").start().unwrap();
    let (zookeeper, events) = connect(&server);
    zookeeper.watch_get("/a").unwrap();
    zookeeper.watch_children("/gone").unwrap();
    zookeeper.watch_exists("/new").unwrap();
    server.stop(1);
    assert!(matches!(next(&events), Event::Disconnected { .. }));
    server.put("/a", "2");
    server.put("/new", "");
    server.delete("/gone");
    server.start_again(1).unwrap();
    assert!(matches!(next(&events), Event::Reconnected { .. }));
    assert_eq!(next(&events), node("/a", NodeChange::DataChanged));
    assert_eq!(next(&events), node("/new", NodeChange::Created));
    assert_eq!(next(&events), node("/gone", NodeChange::Deleted));
}

#[test]
fn what_only_the_creator_may_is_refused_to_others() {
    let server = FakeZooKeeper::start().unwrap();
    let (builder, events) = told();
    let ann = builder.digest_auth("ann", "secret").connect(&server.connect_string()).unwrap();
    assert!(matches!(next(&events), Event::Connected { .. }));
    ann.create("/hers", b"1", CreateMode::Persistent, &Acl::CreatorAll).unwrap();
    ann.create("/seen", b"2", CreateMode::Persistent, &Acl::CreatorAllOthersRead).unwrap();
    let (other, _) = connect(&server);
    assert!(matches!(other.get("/hers"), Err(ZooKeeperError::NoAuth { .. })));
    assert_eq!(other.get("/seen").unwrap().0, b"2");
    assert!(matches!(other.set("/seen", b"", None), Err(ZooKeeperError::NoAuth { .. })));
    let refused = other.create("/x", b"", CreateMode::Persistent, &Acl::CreatorAll).unwrap_err();
    assert!(matches!(refused, ZooKeeperError::Server { code: ErrorCode::INVALID_ACL, .. }));
    // On another connection it is who it was.
    assert!(server.disconnect(ann.id()));
    assert!(matches!(next(&events), Event::Disconnected { .. }));
    assert!(matches!(next(&events), Event::Reconnected { .. }));
    assert_eq!(ann.get("/hers").unwrap().0, b"1");
    let shown = format!("{ann:?} {:?}", ZooKeeper::builder().digest_auth("ann", "secret"));
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn paths_are_below_the_chroot() {
    let server = FakeZooKeeper::builder().node("/kafka", "root").start().unwrap();
    let (builder, events) = told();
    let zookeeper = builder.connect(&format!("{}/kafka", server.connect_string())).unwrap();
    assert!(matches!(next(&events), Event::Connected { .. }));
    assert_eq!(zookeeper.get("/").unwrap().0, b"root");
    assert_eq!(create(&zookeeper, "/n-", CreateMode::PersistentSequential).unwrap(), "/n-0000000000");
    assert_eq!(server.children("/kafka").unwrap(), ["n-0000000000"]);
    zookeeper.watch_children("/").unwrap();
    server.put("/kafka/x", "");
    assert_eq!(next(&events), node("/", NodeChange::ChildrenChanged));
    let missing = ZooKeeper::connect(&format!("{}/none", server.connect_string())).unwrap_err();
    assert!(matches!(&missing, ZooKeeperError::NoChroot { chroot, .. } if &**chroot == "/none"), "{missing}");
}

#[test]
fn a_request_that_servers_would_not_take_is_not_sent() {
    let server = FakeZooKeeper::builder().node("/a", "").start().unwrap();
    let (zookeeper, events) = connect(&server);
    let error = zookeeper.set("/a", &vec![0; 1 << 20], None).unwrap_err();
    assert!(matches!(error, ZooKeeperError::RequestTooLarge { .. }));
    zookeeper.set("/a", &vec![0; 1_000_000], None).unwrap();
    assert_eq!(zookeeper.get("/a").unwrap().0.len(), 1_000_000);
    assert!(events.is_empty());
}

#[test]
fn many_threads_ask_at_once() {
    let server = FakeZooKeeper::builder().node("/a", "").start().unwrap();
    let (zookeeper, _) = connect(&server);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let session = zookeeper.session().clone();
                for _ in 0..50 {
                    session.create("/a/n", b"", CreateMode::PersistentSequential, &Acl::Open).unwrap();
                }
            });
        }
    });
    assert_eq!(server.children("/a").unwrap().len(), 400);
}

#[test]
fn a_watcher_that_panics_is_told_of_later_events() {
    let server = FakeZooKeeper::builder().node("/a", "").start().unwrap();
    let (tell, events) = channel::unbounded();
    let watcher = move |event: &Event| {
        _ = tell.send(event.clone());
        assert!(!matches!(event, Event::Connected { .. }), "as the test wants it");
    };
    let zookeeper = ZooKeeper::builder().watcher(watcher).connect(&server.connect_string()).unwrap();
    assert!(matches!(next(&events), Event::Connected { .. }));
    zookeeper.watch_get("/a").unwrap();
    server.put("/a", "1");
    assert_eq!(next(&events), node("/a", NodeChange::DataChanged));
}
