//! Sessions when connections, servers and time end, and where something else than a ZooKeeper answers.

use std::sync::Arc;

use batchmill::ManualClock;

use super::*;

#[test]
fn another_server_takes_the_session() {
    let server = FakeZooKeeper::builder().servers(2).start().unwrap();
    let (zookeeper, events) = connect(&server);
    create(&zookeeper, "/e", CreateMode::Ephemeral).unwrap();
    let first = server.sessions()[0].server.unwrap();
    server.stop(first);
    assert!(matches!(next(&events), Event::Disconnected { .. }));
    let other = server.address(3 - first).into();
    assert_eq!(next(&events), Event::Reconnected { server: other });
    assert!(zookeeper.exists("/e").unwrap().is_some());
}

#[test]
fn an_expired_session_is_over() {
    let server = FakeZooKeeper::start().unwrap();
    let (zookeeper, events) = connect(&server);
    create(&zookeeper, "/e", CreateMode::Ephemeral).unwrap();
    assert!(server.expire(zookeeper.id()));
    assert!(matches!(next(&events), Event::Disconnected { .. }));
    assert_eq!(next(&events), Event::Expired);
    assert!(matches!(zookeeper.get("/e"), Err(ZooKeeperError::SessionExpired { .. })));
    assert_eq!(server.get("/e"), None);
}

#[test]
fn a_session_ends_by_the_builders_clock() {
    let clock = Arc::new(ManualClock::at_ms(0));
    let server = FakeZooKeeper::builder().clock(clock.clone()).start().unwrap();
    let (zookeeper, events) = connect(&server);
    assert_eq!(zookeeper.session_timeout(), Duration::from_secs(6));
    server.stop(1);
    clock.advance(Duration::from_millis(5_999));
    assert_eq!(server.sessions().len(), 1);
    clock.advance(Duration::from_millis(1));
    assert!(server.wait_until(SOON, |server| server.sessions().is_empty()));
    server.start_again(1).unwrap();
    assert!(matches!(next(&events), Event::Disconnected { .. }));
    assert_eq!(next(&events), Event::Expired);
}

#[test]
fn a_request_under_way_fails_with_the_connection() {
    let server = FakeZooKeeper::builder().check_faults_at_drop().start().unwrap();
    let (zookeeper, _) = connect(&server);
    server.on(Operation::CREATE).done_but_reply_lost();
    let lost = create(&zookeeper, "/a", CreateMode::Persistent).unwrap_err();
    assert!(matches!(lost, ZooKeeperError::ConnectionLoss { operation: Operation::CREATE, .. }));
    assert!(lost.may_be_done() && server.get("/a").is_some());
    server.on(Operation::DELETE).path("/a").disconnect();
    assert!(zookeeper.delete("/a", None).unwrap_err().may_be_done());
    assert!(server.get("/a").is_some());
    // Those that come later wait for the next connection.
    assert_eq!(zookeeper.get("/a").unwrap().0, b"data");
}

#[test]
fn a_request_ends_at_its_deadline_and_the_session_goes_on() {
    let server = FakeZooKeeper::builder().node("/a", "1").start().unwrap();
    let (zookeeper, events) = connect(&server);
    server.on(Operation::GET_DATA).delay(Duration::from_millis(200));
    let late = zookeeper.within(Duration::from_millis(20)).get("/a").unwrap_err();
    assert!(matches!(late, ZooKeeperError::Timeout { operation: Operation::GET_DATA, .. }));
    assert_eq!(zookeeper.get("/a").unwrap().0, b"1");
    assert!(events.is_empty());
    server.stop(1);
    assert!(matches!(next(&events), Event::Disconnected { .. }));
    let unreachable = zookeeper.within(Duration::from_millis(20)).get("/a").unwrap_err();
    assert!(matches!(unreachable, ZooKeeperError::Unreachable { .. }), "{unreachable}");
}

#[test]
fn without_a_server_each_is_named() {
    let server = FakeZooKeeper::builder().servers(2).start().unwrap();
    server.stop(1);
    server.stop(2);
    let builder = ZooKeeper::builder().connect_timeout(Duration::from_millis(100));
    let error = builder.connect(&server.connect_string()).unwrap_err().to_string();
    for n in 1..=2 {
        assert!(
            error.contains(&format!("ZooKeeper server {} cannot be connected to", server.address(n))),
            "{error}"
        );
    }
}

#[test]
fn a_silent_server_is_left_for_another_that_takes_the_session() {
    // Time stands still for the servers, so that the session cannot end however slow this machine is.
    let clock = Arc::new(ManualClock::at_ms(0));
    let short = Duration::from_millis(300);
    let builder = FakeZooKeeper::builder().servers(2).clock(clock).session_timeouts(short, SOON);
    let server = builder.start().unwrap();
    let (builder, events) = told();
    let zookeeper = builder.session_timeout(short).connect(&server.connect_string()).unwrap();
    assert!(matches!(next(&events), Event::Connected { .. }));
    create(&zookeeper, "/e", CreateMode::Ephemeral).unwrap();
    let first = server.sessions()[0].server.unwrap();
    server.silence(first);
    let lost = zookeeper.get("/e").unwrap_err();
    assert!(
        matches!(&lost, ZooKeeperError::ConnectionLoss { server: of, .. } if **of == server.address(first))
    );
    assert_eq!(next(&events), Event::Disconnected { server: server.address(first).into() });
    assert_eq!(next(&events), Event::Reconnected { server: server.address(3 - first).into() });
    assert_eq!(zookeeper.get("/e").unwrap().0, b"data");
    assert_eq!(server.sessions()[0].server, Some(3 - first));
}

#[test]
fn pings_keep_a_session_alive() {
    let clock = Arc::new(ManualClock::at_ms(0));
    let short = Duration::from_millis(300);
    let builder = FakeZooKeeper::builder().clock(clock.clone()).session_timeouts(short, SOON);
    let server = builder.start().unwrap();
    let (builder, events) = told();
    let zookeeper = builder.session_timeout(short).connect(&server.connect_string()).unwrap();
    for _ in 0..3 {
        clock.advance(Duration::from_millis(299));
        server.clear_requests();
        // The second shows that the first was served.
        let has_pinged = |server: &FakeZooKeeper| server.requests_of(Operation::PING).len() >= 2;
        assert!(server.wait_until(SOON, has_pinged));
    }
    assert_eq!(server.sessions()[0].id, zookeeper.id());
    assert!(!events.try_iter().any(|event| event == Event::Expired));
}

#[test]
fn servers_that_never_take_a_session_are_named() {
    let server = FakeZooKeeper::builder().servers(2).start().unwrap();
    server.silence(1);
    server.silence(2);
    let builder = ZooKeeper::builder().session_timeout(Duration::from_millis(200));
    let error =
        builder.connect_timeout(Duration::from_secs(1)).connect(&server.connect_string()).unwrap_err();
    let ZooKeeperError::Unreachable { causes, .. } = &error else { panic!("{error}") };
    assert!(causes.iter().all(|cause| matches!(cause, ZooKeeperError::NoSession { .. })), "{error}");
    for n in 1..=2 {
        let says = format!("ZooKeeper server {} has not taken the session within 100ms", server.address(n));
        assert!(error.to_string().contains(&says), "{error}");
    }
}

#[test]
fn servers_without_a_quorum_refuse_and_the_session_waits_for_them() {
    let clock = Arc::new(ManualClock::at_ms(0));
    let server = FakeZooKeeper::builder().servers(2).clock(clock.clone()).start().unwrap();
    let (zookeeper, events) = connect(&server);
    create(&zookeeper, "/e", CreateMode::Ephemeral).unwrap();
    zookeeper.watch_get("/e").unwrap();
    server.lose_quorum();
    assert!(matches!(next(&events), Event::Disconnected { .. }));
    let builder = ZooKeeper::builder().connect_timeout(Duration::from_millis(500));
    let error = builder.connect(&server.connect_string()).unwrap_err();
    let ZooKeeperError::Unreachable { causes, .. } = &error else { panic!("{error}") };
    assert!(causes.iter().all(|cause| matches!(cause, ZooKeeperError::Refused { .. })), "{error}");
    assert_eq!(causes.len(), 2, "{error}");
    let lost = zookeeper.within(Duration::from_millis(20)).get("/e").unwrap_err();
    assert!(matches!(lost, ZooKeeperError::Unreachable { .. }), "{lost}");

    clock.advance(Duration::from_secs(3_600));
    server.regain_quorum();
    assert!(matches!(next(&events), Event::Reconnected { .. }));
    assert_eq!(server.sessions()[0].ephemerals, ["/e"]);
    zookeeper.set("/e", b"more", None).unwrap();
    assert_eq!(next(&events), node("/e", NodeChange::DataChanged));
}

#[test]
fn a_stranger_that_answers_is_named() {
    let answers: [(&[u8], _); 3] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
        // A TLS alert: unexpected message.
        (&[0x15, 3, 3, 0, 2, 2, 10], "TLS"),
        (b"-ERR unknown command\r\n", "Redis"),
    ];
    for (answer, protocol) in answers {
        let server = FakeZooKeeper::start().unwrap();
        server.on(Operation::CREATE_SESSION).always().reply_raw(answer);
        // It is no matter of waiting.
        let error = ZooKeeper::connect(&server.connect_string()).unwrap_err();
        let ZooKeeperError::Unreachable { causes, .. } = &error else { panic!("{error}") };
        assert!(
            matches!(&causes[..], [ZooKeeperError::NotZooKeeper { looks_like, .. }] if *looks_like == protocol),
            "{error}"
        );
        let says = format!("what answers at {} is no ZooKeeper: it speaks {protocol}", server.address(1));
        assert!(error.to_string().contains(&says), "{error}");
    }
}

#[cfg(feature = "kafka")]
#[test]
fn a_kafka_broker_is_named() {
    use crate::fake::kafka::{ApiKey, FakeKafka, Profile};

    for profile in Profile::all() {
        let kafka = FakeKafka::builder().profile(profile).topic("lines", 1).start().unwrap();
        // One with many topics says more than any ZooKeeper does.
        kafka.on(ApiKey::METADATA).always().reply_with(|_, frame| [frame, vec![0; 5 << 20]].concat());
        let error = ZooKeeper::connect(&kafka.bootstrap()).unwrap_err();
        let says =
            format!("what answers at {} is no ZooKeeper: it speaks Kafka's protocol", kafka.bootstrap());
        assert!(error.to_string().contains(&says), "{error}");
    }
}

#[test]
fn another_session_than_the_one_asked_for_is_not_taken_for_it() {
    let server = FakeZooKeeper::start().unwrap();
    let (zookeeper, events) = connect(&server);
    create(&zookeeper, "/e", CreateMode::Ephemeral).unwrap();
    // The answer has the version, the timeout and then the session.
    server.on(Operation::CREATE_SESSION).reply_with(|_, mut answer| {
        answer[8..16].copy_from_slice(&7_i64.to_be_bytes());
        answer
    });
    let id = zookeeper.id();
    assert!(server.disconnect(id));
    assert!(matches!(next(&events), Event::Disconnected { .. }));
    assert!(matches!(next(&events), Event::Reconnected { .. }));
    assert_eq!((zookeeper.id(), server.connections()), (id, 3));
    assert!(zookeeper.exists("/e").unwrap().is_some());
}

#[test]
fn a_wrong_password_does_not_let_in() {
    let server = FakeZooKeeper::start().unwrap();
    let user = |password| told().0.digest_auth("ann", password).connect(&server.connect_string()).unwrap();
    user("secret").create("/hers", b"1", CreateMode::Persistent, &Acl::CreatorAll).unwrap();
    let refused = user("Secret").get("/hers").unwrap_err();
    assert!(
        matches!(&refused, ZooKeeperError::NoAuth { operation: Operation::GET_DATA, path } if &**path == "/hers"),
        "{refused}"
    );
    assert_eq!(user("secret").get("/hers").unwrap().0, b"1");
}

#[test]
fn refused_credentials_end_the_session() {
    let server = FakeZooKeeper::start().unwrap();
    // As servers do whose own check of a password fails.
    server.on(Operation::AUTH).fail(ErrorCode::AUTH_FAILED);
    let (builder, events) = told();
    let zookeeper = builder.digest_auth("ann", "secret").connect(&server.connect_string());
    let error = match zookeeper {
        Ok(zookeeper) => {
            assert!(matches!(next(&events), Event::Connected { .. }));
            assert_eq!(next(&events), Event::AuthFailed);
            zookeeper.get("/").unwrap_err()
        }
        Err(error) => error,
    };
    assert!(matches!(error, ZooKeeperError::AuthFailed { .. }), "{error}");
}
