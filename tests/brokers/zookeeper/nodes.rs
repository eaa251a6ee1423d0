//! Nodes, watches, chroots and credentials, as real servers have them.

use batchmill_sources::zookeeper::{
    Acl, CreateMode, ErrorCode, NodeChange, Operation, ZooKeeper, ZooKeeperError,
};

use crate::on_every_cluster;

use super::{connect, create, next, node, on_servers, told};

#[test]
fn nodes_are_created_read_changed_and_deleted() {
    on_servers("nodes", |servers| {
        let (zookeeper, events) = connect(&servers.below("nodes"));
        assert_eq!(create(&zookeeper, "/a", CreateMode::Persistent), "/a");
        let (data, stat) = zookeeper.get("/a").unwrap();
        assert_eq!((&*data, stat.version, stat.data_length), (&b"data"[..], 0, 4));
        assert_eq!(zookeeper.set("/a", b"more", Some(0)).unwrap().version, 1);
        let stale = zookeeper.set("/a", b"x", Some(0)).unwrap_err();
        assert!(matches!(stale, ZooKeeperError::BadVersion { version: 0, .. }), "{stale}");
        let again = zookeeper.create("/a", b"", CreateMode::Persistent, &Acl::Open).unwrap_err();
        assert!(matches!(again, ZooKeeperError::NodeExists { .. }), "{again}");
        zookeeper.create_all("/a/b/c", b"", &Acl::Open).unwrap();
        assert_eq!(zookeeper.children("/a").unwrap().0, ["b"]);
        let full = zookeeper.delete("/a", None).unwrap_err();
        assert!(matches!(full, ZooKeeperError::NotEmpty { .. }), "{full}");
        zookeeper.delete("/a/b/c", Some(0)).unwrap();
        assert_eq!(zookeeper.exists("/a/b/c").unwrap(), None);
        let gone = zookeeper.get("/a/b/c").unwrap_err();
        assert!(matches!(&gone, ZooKeeperError::NoNode { path } if &**path == "/a/b/c"), "{gone}");
        assert_eq!(zookeeper.acl("/a").unwrap()[0].scheme, "world");
        zookeeper.sync("/a").unwrap();
        let number = |path: String| path[path.len() - 10..].parse::<u32>().unwrap();
        let numbers = [(); 3].map(|()| number(create(&zookeeper, "/n-", CreateMode::EphemeralSequential)));
        assert_eq!(numbers, [numbers[0], numbers[0] + 1, numbers[0] + 2]);
        let below =
            zookeeper.create(&format!("/n-{:010}/x", numbers[0]), b"", CreateMode::Persistent, &Acl::Open);
        let below = below.unwrap_err();
        assert!(
            matches!(below, ZooKeeperError::Server { code: ErrorCode::NO_CHILDREN_FOR_EPHEMERALS, .. }),
            "{below}"
        );
        assert!(events.is_empty());
    });
}

#[test]
fn the_largest_node_that_servers_take_is_written_and_read_and_one_byte_more_is_not_sent() {
    on_servers("largest node", |servers| {
        let (zookeeper, events) = connect(&servers.below("large"));
        create(&zookeeper, "/a", CreateMode::Persistent);
        let too_large = vec![7; 1 << 20];
        let Err(ZooKeeperError::RequestTooLarge { length, limit, .. }) =
            zookeeper.set("/a", &too_large, None)
        else {
            panic!("it was sent")
        };
        let fits = too_large.len() - (length - limit);
        let one_more = zookeeper.set("/a", &too_large[..=fits], None).unwrap_err();
        assert!(matches!(one_more, ZooKeeperError::RequestTooLarge { .. }), "{one_more}");
        zookeeper.set("/a", &too_large[..fits], None).unwrap();
        assert_eq!(zookeeper.get("/a").unwrap().0.len(), fits);
        assert!(events.is_empty(), "the connection was lost: {events:?}");
    });
}

#[test]
fn what_many_children_are_called_is_read() {
    on_servers("many children", |servers| {
        let (zookeeper, events) = connect(&servers.below("many"));
        // More bytes than a request may have.
        let name = |n: usize| format!("{n:04}{}", "-".repeat(1_000));
        for n in 0..1_200 {
            create(&zookeeper, &format!("/{}", name(n)), CreateMode::Ephemeral);
        }
        let (children, stat) = zookeeper.children("/").unwrap();
        assert_eq!(stat.num_children, 1_200);
        assert!(children.iter().enumerate().all(|(n, child)| *child == name(n)));
        assert!(events.is_empty());
    });
}

#[test]
fn closing_a_session_ends_its_ephemeral_nodes_and_others_are_told() {
    on_servers("ephemerals", |servers| {
        let chroot = servers.below("ephemerals");
        let (other, events) = connect(&chroot);
        let (zookeeper, _) = connect(&chroot);
        create(&zookeeper, "/e", CreateMode::Ephemeral);
        other.sync("/").unwrap();
        let stat = other.watch_exists("/e").unwrap().expect("it was created");
        assert_eq!(stat.ephemeral_owner, zookeeper.id());
        assert_eq!(other.watch_children("/").unwrap().0, ["e"]);
        zookeeper.close();
        let mut told = [next(&events), next(&events)].map(|event| format!("{event:?}"));
        told.sort();
        let expected = [node("/", NodeChange::ChildrenChanged), node("/e", NodeChange::Deleted)];
        assert_eq!(told, expected.map(|event| format!("{event:?}")));
        assert_eq!(other.exists("/e").unwrap(), None);
    });
}

#[test]
fn a_watch_is_told_of_one_change() {
    on_servers("watches", |servers| {
        let chroot = servers.below("watches");
        let ((zookeeper, events), (other, _)) = (connect(&chroot), connect(&chroot));
        create(&zookeeper, "/a", CreateMode::Persistent);
        zookeeper.watch_get("/a").unwrap();
        zookeeper.watch_children("/a").unwrap();
        assert_eq!(zookeeper.watch_exists("/b").unwrap(), None);
        other.set("/a", b"2", None).unwrap();
        other.set("/a", b"3", None).unwrap();
        create(&other, "/a/c", CreateMode::Persistent);
        create(&other, "/a/d", CreateMode::Persistent);
        create(&other, "/b", CreateMode::Persistent);
        assert_eq!(next(&events), node("/a", NodeChange::DataChanged));
        assert_eq!(next(&events), node("/a", NodeChange::ChildrenChanged));
        assert_eq!(next(&events), node("/b", NodeChange::Created));
        zookeeper.watch_get("/b").unwrap();
        other.delete("/b", None).unwrap();
        assert_eq!(next(&events), node("/b", NodeChange::Deleted));
        zookeeper.sync("/").unwrap();
        assert!(events.is_empty());
    });
}

#[test]
fn paths_are_below_the_chroot() {
    on_servers("chroot", |servers| {
        let chroot = servers.below("chroot");
        let (inside, events) = connect(&chroot);
        let root = ZooKeeper::connect(&servers.addresses).unwrap();
        let path = &chroot[servers.addresses.len()..];
        assert_eq!(create(&inside, "/n-", CreateMode::PersistentSequential), "/n-0000000000");
        assert_eq!(inside.children("/").unwrap().0, ["n-0000000000"]);
        root.sync("/").unwrap();
        assert_eq!(root.children(path).unwrap().0, ["n-0000000000"]);
        inside.watch_get("/").unwrap();
        root.set(path, b"root", None).unwrap();
        assert_eq!(next(&events), node("/", NodeChange::DataChanged));
        assert_eq!(inside.get("/").unwrap().0, b"root");
        let none = ZooKeeper::connect(&format!("{chroot}/none")).unwrap_err();
        assert!(
            matches!(&none, ZooKeeperError::NoChroot { chroot, .. } if chroot.ends_with("/none")),
            "{none}"
        );
    });
}

#[test]
fn a_wrong_password_does_not_let_in() {
    on_servers("digest", |servers| {
        let chroot = servers.below("digest");
        let user = |password| told().0.digest_auth("ann", password).connect(&chroot).unwrap();
        let ann = user("secret");
        ann.create("/hers", b"1", CreateMode::Persistent, &Acl::CreatorAll).unwrap();
        ann.create("/seen", b"2", CreateMode::Persistent, &Acl::CreatorAllOthersRead).unwrap();
        assert_eq!(user("secret").get("/hers").unwrap().0, b"1");
        // Servers take any password as a user of its own, who may do nothing here.
        for other in [user("Secret"), connect(&chroot).0] {
            other.sync("/").unwrap();
            let refused = other.get("/hers").unwrap_err();
            assert!(
                matches!(&refused, ZooKeeperError::NoAuth { operation: Operation::GET_DATA, path } if &**path == "/hers"),
                "{refused}"
            );
            assert_eq!(other.get("/seen").unwrap().0, b"2");
            let refused = other.set("/seen", b"", None).unwrap_err();
            assert!(matches!(refused, ZooKeeperError::NoAuth { .. }), "{refused}");
        }
        let nobody = connect(&chroot).0.create("/x", b"", CreateMode::Persistent, &Acl::CreatorAll);
        let nobody = nobody.unwrap_err();
        assert!(matches!(nobody, ZooKeeperError::Server { code: ErrorCode::INVALID_ACL, .. }), "{nobody}");
    });
}

#[test]
fn a_kafka_broker_is_no_zookeeper() {
    on_every_cluster("a broker in the place of ZooKeeper", |cluster| {
        let broker = cluster.bootstrap().split(',').next().unwrap();
        let error = ZooKeeper::connect(broker).unwrap_err();
        let says = format!("what answers at {broker} is no ZooKeeper: it speaks Kafka's protocol");
        assert!(error.to_string().contains(&says), "{error}");
    });
}
