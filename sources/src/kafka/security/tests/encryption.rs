//! TLS: what gets through, and what does not.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use rustls::version::{TLS12, TLS13};
use rustls::{ALL_VERSIONS, SupportedProtocolVersion};

use super::certificates::Authority;
use super::{cause, params, tls, topics, trouble};
use crate::fake::kafka::{ApiKey, FakeKafka, FakeRecord};
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::native::NativeTransport;
use crate::kafka::client::transport::{TopicFilter, Transport};
use crate::kafka::{
    CertificateProblem, KafkaCluster, KafkaError, OffsetRange, Producer, ProducerParams, ProducerRecord,
    Security, SecurityError, SecurityProtocol, read_range,
};

const HOST: &[&str] = &["127.0.0.1"];

#[test]
fn records_travel_both_ways_to_all_brokers_of_a_cluster() {
    let authority = Authority::new("us");
    let config = authority.issue(HOST).server(None, ALL_VERSIONS);
    let fake = FakeKafka::builder().brokers(3).tls(config).topic("lines", 3).start().unwrap();
    let first = fake.bootstrap().split(',').next().unwrap().to_owned();

    let large = "x".repeat(300_000);
    let producer = Producer::connect(&first, ProducerParams::new().security(tls(&authority.pem))).unwrap();
    for partition in 0..3 {
        producer.send(ProducerRecord::to("lines").partition(partition).value(large.as_bytes())).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();

    let ranges = (0..3).map(|partition| OffsetRange::new("lines", partition, 0, 1));
    let request = read_range(first, ranges, params(tls(&authority.pem)));
    let values = request.batch(&batchmill::BatchContext::sequential()).unwrap();
    let values = values.map(|record| record.value_text().to_string()).collect().unwrap();
    assert_eq!(values, vec![large; 3]);
}

#[test]
fn a_certificate_is_for_the_host_in_time_and_of_somebody_trusted() {
    let (authority, stranger) = (Authority::new("us"), Authority::new("them"));
    let security = || tls(&authority.pem);
    let meets = |certificate: &super::certificates::Certificate, security: Security| {
        let config = certificate.server(None, ALL_VERSIONS);
        let fake = FakeKafka::builder().tls(config).topic("lines", 1).start().unwrap();
        let met = topics(fake.bootstrap(), params(security)).map_err(trouble);
        assert_eq!(met.is_err(), fake.requests().is_empty(), "nothing is asked before trust");
        met.map(|topics| topics.len())
    };
    let problem = |problem| Err(SecurityError::Certificate(problem));
    let named = |name: &str| vec![name.to_owned()];

    assert_eq!(meets(&authority.issue(HOST), security()), Ok(1));
    assert_eq!(meets(&authority.issue_expired(HOST), security()), problem(CertificateProblem::Expired));
    assert_eq!(meets(&stranger.issue(HOST), security()), problem(CertificateProblem::UnknownIssuer));
    let other = authority.issue(&["broker.example"]);
    let wanted = "127.0.0.1".to_owned();
    let wrong = CertificateProblem::WrongName { wanted, presented: named("broker.example") };
    assert_eq!(meets(&other, security()), problem(wrong));
    assert_eq!(meets(&other, security().server_name("broker.example")), Ok(1));
    let wanted = "other.example".to_owned();
    let wrong = CertificateProblem::WrongName { wanted, presented: named("broker.example") };
    assert_eq!(meets(&other, security().server_name("other.example")), problem(wrong));
    let numbered = authority.issue(&["127.0.0.1"]);
    let wanted = "localhost".to_owned();
    let wrong = CertificateProblem::WrongName { wanted, presented: named("127.0.0.1") };
    assert_eq!(wrong.to_string(), "is not for localhost but for 127.0.0.1");
    assert_eq!(meets(&numbered, security().server_name("localhost")), problem(wrong));

    let any_host = || security().without_host_name_check();
    assert_eq!(meets(&other, any_host()), Ok(1));
    assert_eq!(meets(&stranger.issue(HOST), any_host()), problem(CertificateProblem::UnknownIssuer));
    assert_eq!(meets(&authority.issue_expired(HOST), any_host()), problem(CertificateProblem::Expired));
}

#[test]
fn a_client_shows_a_certificate_where_brokers_want_one() {
    let (authority, stranger) = (Authority::new("us"), Authority::new("them"));
    for version in [&TLS12, &TLS13] {
        let config = authority.issue(HOST).server(Some(&authority), &[version]);
        let fake = FakeKafka::builder().tls(config).topic("lines", 1).start().unwrap();
        let meets =
            |security| topics(fake.bootstrap(), params(security)).map(|topics| topics.len()).map_err(trouble);
        let with = |from: &Authority| {
            let certificate = from.issue(&["a client"]);
            tls(&authority.pem).client_certificate_pem(certificate.chain, certificate.key)
        };
        assert_eq!(meets(with(&authority)), Ok(1));
        match meets(tls(&authority.pem)) {
            Err(SecurityError::ClientCertificate { is_set: false, .. }) => {}
            // TLS 1.2 has no word for a certificate that is missing.
            Err(SecurityError::Alert(alert)) if is_old(version) => assert_eq!(alert, "HandshakeFailure"),
            other => panic!("{other:?}"),
        }
        match meets(with(&stranger)) {
            Err(SecurityError::ClientCertificate { is_set: true, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn is_old(version: &'static SupportedProtocolVersion) -> bool {
    version.version == TLS12.version
}

#[test]
fn tls_where_there_is_none_is_named() {
    let authority = Authority::new("us");
    let plain = FakeKafka::start().unwrap();
    let hurried = params(tls(&authority.pem)).request_timeout(Duration::from_millis(50));
    let error = topics(plain.bootstrap(), hurried.connect_timeout(Duration::from_millis(500))).unwrap_err();
    assert!(error.to_string().contains("as a port without TLS does"), "{error}");
    assert_eq!(trouble(error), SecurityError::ClosedInHandshake);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let http = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let error = topics(address, params(tls(&authority.pem))).unwrap_err();
    assert_eq!(trouble(error), SecurityError::NotTls { looks_like: Some("HTTP") });
    http.join().unwrap();
}

#[test]
fn no_tls_where_there_is_some_is_named() {
    let config = Authority::new("us").issue(HOST).server(None, ALL_VERSIONS);
    let fake = FakeKafka::builder().tls(config).start().unwrap();
    let error = cause(topics(fake.bootstrap(), params(Security::default())).unwrap_err());
    assert!(matches!(error, KafkaError::NotKafka { looks_like: "TLS", .. }), "{error}");
    assert!(error.to_string().contains("set security.protocol to SSL"), "{error}");
}

#[test]
fn a_handshake_without_an_answer_ends_at_the_deadline_and_by_the_way_out() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let security = || tls(&Authority::new("us").pem);
    let hurried = params(security()).connect_timeout(Duration::from_millis(50));
    let hurried = hurried.request_timeout(Duration::from_millis(50));
    let error = cause(topics(address.clone(), hurried).unwrap_err());
    assert!(matches!(error, KafkaError::Timeout { request: "the TLS handshake", .. }), "{error}");

    let waiting = TcpListener::bind("127.0.0.1:0").unwrap();
    let patient = params(security()).connect_timeout(Duration::from_secs(60));
    let settings = patient.client_settings(&waiting.local_addr().unwrap().to_string()).unwrap();
    let client = Arc::new(NativeTransport::new(settings));
    let asking = Arc::clone(&client);
    let asks =
        std::thread::spawn(move || asking.topics(TopicFilter::All, Deadline::after(Duration::from_secs(60))));
    let (mut stream, _) = waiting.accept().unwrap();
    stream.read_exact(&mut [0; 16]).unwrap();
    client.close();
    assert!(matches!(asks.join().unwrap(), Err(KafkaError::Stopped)));
}

#[test]
fn what_is_wrong_with_files_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let authority = Authority::new("us");
    let certificate = authority.issue(HOST);
    let wrong = |security: Security| match KafkaCluster::connect("a:1", params(security)) {
        Err(KafkaError::Parameter(mistake)) => mistake,
        other => panic!("{other:?}"),
    };
    let ssl = || Security::new(SecurityProtocol::Ssl).provider(super::ring());
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (security, says) in [
        (ssl().ca_file("/no/such/file"), "/no/such/file: No such file"),
        (ssl().ca_file(write("s.jks", &[0xfe, 0xed, 0xfe, 0xed, 0, 0])), "keytool -importkeystore"),
        (ssl().ca_file(write("s.p12", &[0x30, 0x82, 1, 1])), "openssl pkcs12"),
        (ssl().ca_pem("nothing"), "holds no certificate"),
        (tls(&authority.pem).client_certificate_pem(certificate.chain.clone(), encrypted), "openssl pkcs8"),
        (
            tls(&authority.pem).client_certificate_pem(certificate.chain.clone(), "no key"),
            "holds no private key",
        ),
        (tls(&authority.pem).server_name("not a name"), "no name that a certificate can have"),
    ] {
        let mistake = wrong(security);
        assert!(mistake.contains(says), "{mistake}");
    }
    let chain = write("chain.pem", certificate.chain.as_bytes());
    let key = write("key.pem", certificate.key.as_bytes());
    let ca = write("ca.pem", authority.pem.as_bytes());
    let both = ssl().ca_file(ca).client_certificate_files(chain, key);
    assert!(KafkaCluster::connect("a:1", params(both)).is_ok());
}

#[test]
fn a_connection_that_ends_in_the_middle_is_opened_anew() {
    let authority = Authority::new("us");
    let config = authority.issue(HOST).server(None, ALL_VERSIONS);
    let fake = FakeKafka::builder().tls(config).topic("lines", 1).check_faults_at_drop().start().unwrap();
    fake.produce("lines", 0, [FakeRecord::new("a")]).unwrap();
    fake.on(ApiKey::METADATA).cut_after(7);
    fake.on(ApiKey::FETCH).cut_after(30);
    let request =
        read_range(fake.bootstrap(), [OffsetRange::new("lines", 0, 0, 1)], params(tls(&authority.pem)));
    let records = request.batch(&batchmill::BatchContext::sequential()).unwrap();
    assert_eq!(records.map(|record| record.value_text().to_string()).collect().unwrap(), ["a"]);
}
