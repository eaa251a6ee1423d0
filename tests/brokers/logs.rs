//! Logs that are no longer what was read of them: an unclean election has cut one back, another belongs to a topic that was
//! made anew under the same name. Neither may pass in silence.

use batchmill_sources::kafka::{self, ConsumerStrategy, KafkaError};

use crate::running::Batches;
use crate::{
    context, has_three_brokers, kafka_error, lines, on_clusters, params, step_until, step_until_error, values,
};

fn an_unclean_election_that_cuts_the_log_is_an_error() {
    on_clusters(
        "unclean election",
        |cluster| has_three_brokers(cluster) && cluster.release() >= (2, 4),
        |cluster| {
            let settings = ["unclean.leader.election.enable=true", "min.insync.replicas=1"];
            let topic = cluster.create_topic_with("unclean", 1, 2, &settings);
            cluster.move_leader(&topic, 0, 1);
            let ssc = context();
            let topics = ConsumerStrategy::subscribe([topic.as_str()]);
            let batches =
                Batches::of(&kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params()));
            let mut test = ssc.start_stepped().unwrap();
            let replicated = lines(10, |n| format!("replicated {n}"));
            cluster.produce(&topic, "none", &replicated);
            step_until("replicated records", &mut test, || batches.records() == 10);

            cluster.kill(2);
            let lost = lines(10, |n| format!("to be lost {n}"));
            cluster.produce(&topic, "none", &lost);
            step_until("records of the leader alone", &mut test, || batches.records() == 20);
            cluster.kill(1);
            cluster.restart(2);
            // As many as were lost and more, so that offsets alone give nothing away.
            let instead = lines(30, |n| format!("instead {n:02}"));
            cluster.produce(&topic, "none", &instead);

            let error = step_until_error(&mut test);
            let KafkaError::LogTruncated { partition, from, to } = kafka_error(&error) else {
                panic!("{error}")
            };
            assert_eq!((&*partition.topic, *from, *to), (topic.as_str(), 10, 20));
            assert_eq!(values(&batches.checked()), [replicated.clone(), lost].concat());
            cluster.restart(1);
            assert_eq!(values(&cluster.read_by_kcat(&topic)), [instead, replicated].concat());
        },
    );
}

fn a_topic_that_is_made_anew_is_an_error() {
    on_clusters(
        "topic made anew",
        |cluster| cluster.release() >= (2, 8),
        |cluster| {
            let topic = cluster.create_topic("anew", 1);
            let ssc = context();
            let topics = ConsumerStrategy::subscribe([topic.as_str()]);
            let batches =
                Batches::of(&kafka::create_direct_stream(&ssc, cluster.bootstrap(), topics, params()));
            cluster.produce(&topic, "none", &lines(3, |n| format!("old {n}")));
            let mut test = ssc.start_stepped().unwrap();
            test.step_batch().unwrap();
            cluster.delete_topic(&topic);
            cluster.create_named(&topic, 1, 1, &[]);
            cluster.produce(&topic, "none", &lines(10, |n| format!("new {n}")));
            let error = step_until_error(&mut test);
            let KafkaError::TopicRecreated { topic: named } = kafka_error(&error) else { panic!("{error}") };
            assert_eq!(&**named, topic);
            assert_eq!(values(&batches.checked()), ["old 0", "old 1", "old 2"]);
        },
    );
}

batchmill_tests::scenarios! {
    an_unclean_election_that_cuts_the_log_is_an_error needs Epochs;
    a_topic_that_is_made_anew_is_an_error needs Epochs;
}
