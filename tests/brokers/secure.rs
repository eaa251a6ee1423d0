//! TLS and users at real brokers: records get through at every listener, and whoever may not come in is told why.

use std::sync::Arc;
use std::time::Duration;

use batchmill::{Clock, SystemClock};
use batchmill_sources::kafka::{
    CertificateProblem, KafkaCluster, KafkaError, KafkaParams, Producer, ProducerParams, ProducerRecord,
    SaslMechanism, Security, SecurityError, SecurityProtocol,
};

use crate::cluster::Cluster;
use crate::{lines, on_clusters, params, read, values};

const MECHANISMS: [SaslMechanism; 3] =
    [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512];

const WAIT: Duration = Duration::from_secs(30);

fn is_secure(cluster: &Cluster) -> bool {
    cluster.secure("SSL").is_some()
}

/// The cluster as one sees it at another listener.
fn at(cluster: &Cluster, protocol: &str) -> Cluster {
    cluster.secure(protocol).expect("it was asked for")
}

fn tls(cluster: &Cluster, protocol: SecurityProtocol) -> Security {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Security::new(protocol).provider(provider).ca_file(cluster.certificate("ca.pem"))
}

fn mutual(cluster: &Cluster) -> Security {
    tls(cluster, SecurityProtocol::Ssl)
        .client_certificate_files(cluster.certificate("client.pem"), cluster.certificate("client.key"))
}

fn user(security: Security, mechanism: SaslMechanism) -> Security {
    security.sasl(mechanism, "alice", "alice-secret")
}

fn write(cluster: &Cluster, topic: &str, security: Security, lines: &[String]) {
    let producer = Producer::connect(cluster.bootstrap(), ProducerParams::new().security(security)).unwrap();
    for line in lines {
        producer.send(ProducerRecord::to(topic).value(line.as_str())).unwrap();
    }
    producer.close(WAIT).unwrap();
}

/// Why nobody is let in: asked once at a listener.
fn refused(cluster: &Cluster, security: Security) -> KafkaError {
    let params = short(security);
    let error = KafkaCluster::connect(cluster.bootstrap(), params).unwrap().topics().unwrap_err();
    match error {
        KafkaError::NoBroker { cause, .. } => cause.as_ref().clone(),
        other => other,
    }
}

fn short(security: Security) -> KafkaParams {
    params()
        .security(security)
        .request_timeout(Duration::from_secs(2))
        .connect_timeout(Duration::from_secs(5))
}

fn trouble(error: KafkaError) -> SecurityError {
    match error {
        KafkaError::Security { cause, .. } => cause,
        other => panic!("{other}"),
    }
}

fn records_get_through_at_every_listener() {
    on_clusters("listeners", is_secure, |cluster| {
        let mut ways = vec![("SSL", mutual(cluster))];
        for mechanism in MECHANISMS {
            ways.push(("SASL_SSL", user(tls(cluster, SecurityProtocol::SaslSsl), mechanism)));
            ways.push(("SASL_PLAINTEXT", user(Security::new(SecurityProtocol::SaslPlaintext), mechanism)));
        }
        let topic = cluster.create_topic("secure", 3);
        let mut expected = Vec::new();
        for (n, (protocol, security)) in ways.into_iter().enumerate() {
            let listener = at(cluster, protocol);
            let lines = lines(500, |line| format!("{n} {line:03} {protocol} {}", "x".repeat(line * 10)));
            write(&listener, &topic, security.clone(), &lines);
            expected.extend(lines);
            expected.sort();
            let read = read(&listener, &topic, params().security(security));
            assert_eq!(values(&read), expected, "{protocol}");
            assert_eq!(read, cluster.read_by_kcat(&topic));
        }
    });
}

fn a_wrong_password_is_told_as_such() {
    on_clusters("wrong password", is_secure, |cluster| {
        for mechanism in MECHANISMS {
            let security = tls(cluster, SecurityProtocol::SaslSsl).sasl(mechanism, "alice", "hunter2");
            let error = refused(&at(cluster, "SASL_SSL"), security);
            let told = format!("{error} {error:?}");
            assert!(told.contains("alice") && !told.contains("hunter2"), "{told}");
            let SecurityError::Refused { mechanism: by, message: Some(_), .. } = trouble(error) else {
                panic!("{told}")
            };
            assert_eq!(by, mechanism);
        }
        let error = refused(&at(cluster, "SASL_PLAINTEXT"), Security::default());
        assert!(matches!(error, KafkaError::Closed { .. }), "{error}");
        let no_user = user(Security::new(SecurityProtocol::SaslPlaintext), SaslMechanism::ScramSha256);
        let error = refused(cluster, no_user);
        assert!(error.to_string().contains("it offers no SASL there"), "{error}");
    });
}

fn certificates_are_checked_on_both_sides() {
    on_clusters("certificates", is_secure, |cluster| {
        let listener = at(cluster, "SSL");
        match trouble(refused(&listener, tls(cluster, SecurityProtocol::Ssl))) {
            SecurityError::ClientCertificate { is_set: false, .. } => {}
            other => panic!("{other}"),
        }
        match trouble(refused(&listener, mutual(cluster).server_name("other.example"))) {
            SecurityError::Certificate(CertificateProblem::WrongName { wanted, .. }) => {
                assert_eq!(wanted, "other.example");
            }
            other => panic!("{other}"),
        }
        let any_host = mutual(cluster).server_name("other.example").without_host_name_check();
        assert!(KafkaCluster::connect(listener.bootstrap(), short(any_host)).unwrap().topics().is_ok());
        // Trust in nobody but the client's own certificate.
        let stranger = mutual(cluster).ca_file(cluster.certificate("client.pem"));
        assert_eq!(
            trouble(refused(&listener, stranger)),
            SecurityError::Certificate(CertificateProblem::UnknownIssuer)
        );
    });
}

fn the_wrong_port_is_told_as_such() {
    on_clusters("wrong port", is_secure, |cluster| {
        let error = refused(&at(cluster, "SASL_SSL"), Security::default());
        assert!(matches!(error, KafkaError::NotKafka { looks_like: "TLS", .. }), "{error}");
        let error = refused(cluster, tls(cluster, SecurityProtocol::Ssl));
        assert_eq!(trouble(error), SecurityError::ClosedInHandshake);
    });
}

/// Sessions at this listener last two seconds, behind which the broker closes a connection at the next request.
fn nothing_is_lost_where_sessions_end() {
    on_clusters("sessions", is_secure, |cluster| {
        let (listener, clock) = (at(cluster, "SASL_PLAINTEXT"), SystemClock::new());
        let security = user(Security::new(SecurityProtocol::SaslPlaintext), SaslMechanism::ScramSha256);
        let topic = cluster.create_topic("sessions", 1);
        let asking =
            KafkaCluster::connect(listener.bootstrap(), params().security(security.clone())).unwrap();
        let producer =
            Producer::connect(listener.bootstrap(), ProducerParams::new().security(security.clone()))
                .unwrap();
        let (begun, mut sent) = (clock.mono(), 0);
        while clock.mono() - begun < Duration::from_secs(5) {
            producer.send(ProducerRecord::to(&topic).value(format!("{sent:06}").as_str())).unwrap();
            producer.flush(WAIT).unwrap();
            asking.partitions(&topic).unwrap();
            sent += 1;
        }
        producer.close(WAIT).unwrap();
        let read = read(&listener, &topic, params().security(security));
        assert_eq!(values(&read), lines(sent, |n| format!("{n:06}")));
    });
}

batchmill_tests::scenarios! {
    records_get_through_at_every_listener needs Security;
    a_wrong_password_is_told_as_such needs Security;
    certificates_are_checked_on_both_sides needs Security;
    the_wrong_port_is_told_as_such needs Security;
    nothing_is_lost_where_sessions_end needs Security;
}
