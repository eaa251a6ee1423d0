//! The fake cluster as the clients of others see it, as every release that it plays.

use batchmill_sources::fake::kafka::{FakeKafka, Profile};

use crate::cluster::Cluster;
use crate::tools::told;
use crate::{cluster, lines, params, read, values};

#[test]
fn kcat_and_confluent_kafka_write_to_the_fake_and_read_it() {
    // The tools are those of a cluster; once is enough, so it is one of those with a single broker.
    let clusters = cluster::running().unwrap_or_default();
    let Some(tools) = clusters.iter().find(|cluster| cluster.size() == 1) else {
        return println!("fake: skipped, BATCHMILL_BROKERS names no single broker");
    };
    // kcat waits for a second at its end, so all at once.
    std::thread::scope(|scope| {
        for profile in Profile::all() {
            scope.spawn(move || written_and_read(profile, tools));
        }
    });
}

fn written_and_read(profile: Profile, tools: &Cluster) {
    let fake = FakeKafka::builder().profile(profile).brokers(2).topic("lines", 2).start().unwrap();
    let cluster = tools.with_fake(profile.release(), &fake);
    let speaks_to_confluent = cluster.release() >= (0, 10);
    let mut expected = Vec::new();
    for codec in cluster.codecs() {
        let by_kcat = lines(200, |n| format!("{codec} {n:03} of kcat"));
        cluster.produce("lines", codec, &by_kcat);
        expected.extend(by_kcat);
        if speaks_to_confluent {
            let by_confluent = lines(200, |n| format!("{codec} {n:03} of confluent-kafka"));
            let headers = if cluster.release() >= (0, 11) { &["headers"][..] } else { &[] };
            cluster.confluent(&[&["produce", "lines", codec], headers].concat(), &by_confluent);
            expected.extend(by_confluent);
        }
    }
    expected.sort();
    let read = read(&cluster, "lines", params());
    assert_eq!(values(&read), expected, "{}", profile.release());
    assert_eq!(read, cluster.read_by_kcat("lines"), "{}", profile.release());
    if speaks_to_confluent {
        let count = expected.len().to_string();
        let by_confluent = told(&cluster.confluent(&["consume", "lines", &count], &[]));
        assert_eq!(read, by_confluent, "{}", profile.release());
    }
    println!("fake as {}: ok", profile.release());
}
