//! SASL: who gets in, and which brokers are not believed.

use std::time::Duration;

use rustls::ALL_VERSIONS;

use super::certificates::Authority;
use super::{cause, params, sasl, topics, trouble};
use crate::fake::kafka::{ApiKey, FakeKafka, FakeSasl, Profile};
use crate::kafka::{
    KafkaCluster, KafkaError, OffsetRange, Producer, ProducerParams, ProducerRecord, SaslMechanism,
    ScramError, Security, SecurityError, SecurityProtocol, read_range,
};

const PASSWORD: &str = "pass, word=1 ü";

const ALL: [SaslMechanism; 3] =
    [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512];

fn users() -> FakeSasl {
    FakeSasl::new().user("alice", PASSWORD)
}

fn fake(sasl: FakeSasl) -> FakeKafka {
    FakeKafka::builder().sasl(sasl).topic("lines", 1).start().unwrap()
}

#[test]
fn a_user_gets_in_by_every_mechanism_on_every_release() {
    for profile in Profile::all().filter(|profile| *profile >= Profile::V0_10) {
        let fake = FakeKafka::builder().profile(profile).sasl(users()).topic("lines", 1).start().unwrap();
        for mechanism in ALL {
            let found = topics(fake.bootstrap(), params(sasl(mechanism, PASSWORD)));
            assert_eq!(found.unwrap().len(), 1, "{profile} {mechanism}");
        }
        let requests = fake.requests();
        let first: Vec<ApiKey> = requests.iter().take(2).map(|seen| seen.api).collect();
        assert_eq!(first, [ApiKey::API_VERSIONS, ApiKey::SASL_HANDSHAKE], "{profile}");
        assert!(
            !format!("{requests:?}").contains(&format!("{:?}", PASSWORD.as_bytes()).replace(['[', ']'], ""))
        );
    }
}

#[test]
fn records_travel_both_ways_with_a_user_and_tls() {
    let authority = Authority::new("us");
    let config = authority.issue(&["127.0.0.1"]).server(None, ALL_VERSIONS);
    let fake = FakeKafka::builder().brokers(2).tls(config).sasl(users()).topic("lines", 2).start().unwrap();
    let security = Security::new(SecurityProtocol::SaslSsl)
        .provider(super::ring())
        .ca_pem(&*authority.pem)
        .sasl(SaslMechanism::ScramSha512, "alice", PASSWORD);
    let producer =
        Producer::connect(fake.bootstrap(), ProducerParams::new().security(security.clone())).unwrap();
    for partition in 0..2 {
        producer.send(ProducerRecord::to("lines").partition(partition).value(b"a")).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
    let ranges = (0..2).map(|partition| OffsetRange::new("lines", partition, 0, 1));
    let request = read_range(fake.bootstrap(), ranges, params(security));
    assert_eq!(
        request.batch(&batchmill::BatchContext::sequential()).unwrap().map(|_| ()).collect().unwrap().len(),
        2
    );
}

#[test]
fn a_wrong_password_names_broker_mechanism_and_user_and_is_tried_once() {
    for mechanism in ALL {
        let fake = fake(users());
        let error = topics(fake.bootstrap(), params(sasl(mechanism, "hunter2"))).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains(&fake.bootstrap()) && told.contains("alice"), "{told}");
        assert!(told.contains(&mechanism.to_string()) && !told.contains("hunter2"), "{told}");
        let SecurityError::Refused { mechanism: by, user, message: Some(_) } = trouble(error) else {
            panic!("{told}")
        };
        assert_eq!((by, &*user), (mechanism, "alice"));
        assert_eq!(fake.requests_of(ApiKey::SASL_HANDSHAKE).len(), 1);
        assert!(fake.requests_of(ApiKey::METADATA).is_empty());
    }
}

#[test]
fn no_log_line_has_a_password() {
    super::listen_to_logs();
    let fake = fake(FakeSasl::new().user("alice", "correct horse"));
    for mechanism in ALL {
        topics(fake.bootstrap(), params(sasl(mechanism, "correct horse"))).unwrap();
        let error = topics(fake.bootstrap(), params(sasl(mechanism, "battery staple"))).unwrap_err();
        log::error!("{error} {error:?}");
    }
    let logged = super::LOGGED.lock().clone();
    assert!(logged.contains("without encryption"), "PLAIN in plain text is warned of: {logged}");
    assert!(!logged.contains("correct horse") && !logged.contains("battery staple"), "{logged}");
}

#[test]
fn a_producer_with_a_wrong_password_fails_at_once() {
    let fake = fake(users());
    let params = ProducerParams::new().security(sasl(SaslMechanism::ScramSha256, "hunter2"));
    let error = Producer::connect(fake.bootstrap(), params).unwrap_err();
    assert!(matches!(trouble(error), SecurityError::Refused { .. }));
    assert_eq!(fake.requests_of(ApiKey::SASL_HANDSHAKE).len(), 1);
}

#[test]
fn old_brokers_close_the_connection_at_a_wrong_password() {
    let fake = FakeKafka::builder().profile(Profile::V0_11).sasl(users()).start().unwrap();
    let hurried = params(sasl(SaslMechanism::Plain, "hunter2")).request_timeout(Duration::from_millis(200));
    let error = topics(fake.bootstrap(), hurried.connect_timeout(Duration::from_millis(1))).unwrap_err();
    assert!(error.to_string().contains("as releases before 1.0 do at a wrong password"), "{error}");
    assert!(matches!(trouble(error), SecurityError::ClosedInAuthentication { .. }));
}

#[test]
fn a_mechanism_that_is_not_offered_is_told_with_those_that_are() {
    let fake = fake(users().mechanisms([SaslMechanism::ScramSha512, SaslMechanism::Plain]));
    let error = topics(fake.bootstrap(), params(sasl(SaslMechanism::ScramSha256, PASSWORD))).unwrap_err();
    assert!(error.to_string().contains("does not offer SCRAM-SHA-256, but SCRAM-SHA-512, PLAIN"), "{error}");

    let open = FakeKafka::start().unwrap();
    let error = topics(open.bootstrap(), params(sasl(SaslMechanism::Plain, PASSWORD))).unwrap_err();
    assert!(error.to_string().contains("it offers no SASL there"), "{error}");
}

#[test]
fn a_client_without_a_user_does_not_get_in() {
    let fake = fake(users());
    let hurried = params(Security::default()).request_timeout(Duration::from_millis(200));
    let error =
        cause(topics(fake.bootstrap(), hurried.connect_timeout(Duration::from_millis(1))).unwrap_err());
    assert!(matches!(error, KafkaError::Closed { .. }), "{error}");
}

#[test]
fn a_hostile_broker_is_not_believed() {
    let meets = |sasl: FakeSasl| {
        let fake = fake(sasl);
        let security = super::sasl(SaslMechanism::ScramSha256, PASSWORD);
        match trouble(topics(fake.bootstrap(), params(security)).unwrap_err()) {
            SecurityError::Scram { cause, .. } => {
                assert!(fake.requests_of(ApiKey::METADATA).is_empty());
                cause
            }
            other => panic!("{other}"),
        }
    };
    let with = |from: &'static str, to: &'static str| {
        meets(users().rewrite_scram(move |text| text.replace(from, to)))
    };
    assert_eq!(with("fake,s=", ",s="), ScramError::Nonce);
    assert_eq!(with("r=", "r=x"), ScramError::Nonce);
    assert_eq!(with(",i=4096", ",i=1"), ScramError::Iterations(1));
    assert_eq!(with(",i=4096", ",i=2147483648"), ScramError::Iterations(1 << 31));
    assert_eq!(with(",s=", ",s=*"), ScramError::Malformed("the salt is not of base 64"));
    assert_eq!(with("v=", "e=no-user,"), ScramError::Server("no-user".to_owned()));
    assert_eq!(
        meets(users().rewrite_scram(|text| if text.starts_with("v=") { "v=AAAA".into() } else { text })),
        ScramError::Signature
    );
    assert_eq!(
        meets(users().rewrite_scram(|_| String::new())),
        ScramError::Malformed("the first message has no nonce")
    );
}

#[test]
fn an_authentication_that_is_cut_off_is_tried_again() {
    let fake = fake(users());
    let lost = fake.on(ApiKey::SASL_AUTHENTICATE).disconnect();
    let cut = fake.on(ApiKey::SASL_AUTHENTICATE).after(1).cut_after(9);
    assert_eq!(
        topics(fake.bootstrap(), params(sasl(SaslMechanism::ScramSha256, PASSWORD))).unwrap().len(),
        1
    );
    assert_eq!((lost.fired(), cut.fired()), (1, 1));
}

#[test]
fn a_connection_is_replaced_before_its_session_ends() {
    let fake = fake(users().session_lifetime(Duration::from_millis(1)));
    let cluster =
        KafkaCluster::connect(fake.bootstrap(), params(sasl(SaslMechanism::Plain, PASSWORD))).unwrap();
    let all = fake.wait_until(Duration::from_secs(30), |fake| {
        cluster.topics().unwrap();
        fake.connections() >= 3
    });
    assert!(all, "{} connections", fake.connections());

    let lasting = self::fake(users());
    let cluster =
        KafkaCluster::connect(lasting.bootstrap(), params(sasl(SaslMechanism::Plain, PASSWORD))).unwrap();
    (0..5).for_each(|_| _ = cluster.topics().unwrap());
    assert_eq!(lasting.connections(), 1);
}

#[test]
fn a_producer_replaces_its_connection_before_the_session_ends() {
    let fake = fake(users().session_lifetime(Duration::from_millis(1)));
    let params = ProducerParams::new().security(sasl(SaslMechanism::Plain, PASSWORD)).linger(Duration::ZERO);
    let producer = Producer::connect(fake.bootstrap(), params).unwrap();
    let mut sent = 0;
    while fake.connections() < 6 {
        producer.send(ProducerRecord::to("lines").value(b"a")).unwrap();
        producer.flush(Duration::from_secs(30)).unwrap();
        sent += 1;
    }
    assert_eq!(fake.records("lines", 0).unwrap().len(), sent);
}
