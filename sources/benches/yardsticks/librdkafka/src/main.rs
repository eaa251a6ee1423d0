//! librdkafka through its Rust binding, set as for speed. Each command prints one line: records, seconds, CPU seconds.
//!
//! ```console
//! $ yardstick-librdkafka consume BROKERS TOPIC RECORDS PARTITIONS
//! $ yardstick-librdkafka consume BROKERS TOPIC RECORDS PARTITIONS CERTIFICATES    # over TLS; with the feature `tls`
//! $ yardstick-librdkafka produce BROKERS TOPIC RECORDS PARTITIONS BYTES BATCH_BYTES LINGER_MS
//! $ yardstick-librdkafka fill BROKERS TOPIC CODEC <LINES        # each line a record, to both of two partitions in turn
//! ```

use std::error::Error;
use std::io::BufRead;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["consume", brokers, topic, records, partitions] => {
            consume(consumer(brokers), topic, records.parse()?, partitions.parse()?)
        }
        ["consume", brokers, topic, records, partitions, certificates] => {
            let mut config = consumer(brokers);
            config.set("security.protocol", "ssl");
            for (name, file) in [("ca", "ca.pem"), ("certificate", "client.pem"), ("key", "client.key")] {
                config.set(format!("ssl.{name}.location"), format!("{certificates}/{file}"));
            }
            consume(config, topic, records.parse()?, partitions.parse()?)
        }
        ["produce", brokers, topic, records, partitions, bytes, batch_bytes, linger_ms] => {
            let producer = producer(brokers, "none", batch_bytes, linger_ms)?;
            produce(&producer, topic, records.parse()?, partitions.parse()?, bytes.parse()?)
        }
        ["fill", brokers, topic, codec] => fill(&producer(brokers, codec, "1000000", "50")?, topic),
        _ => Err("see the head of main.rs".into()),
    }
}

fn consumer(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("group.id", "yardstick")
        .set("enable.auto.commit", "false")
        .set("check.crcs", "true")
        .set("queued.min.messages", "1000000")
        .set("fetch.message.max.bytes", "8388608");
    config
}

fn consume(config: ClientConfig, topic: &str, records: u64, partitions: i32) -> Result<(), Box<dyn Error>> {
    let consumer: BaseConsumer = config.create()?;
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions {
        all.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    // From the first record on, so that joining the cluster does not count.
    let (mut seen, mut bytes, mut begin) = (0, 0, None);
    while seen < records {
        let message = consumer.poll(PATIENCE).ok_or("no record comes")??;
        begin.get_or_insert_with(|| (Instant::now(), cpu_seconds()));
        seen += 1;
        bytes += message.payload().map_or(0, <[u8]>::len);
    }
    std::hint::black_box(bytes);
    let (time, cpu) = begin.ok_or("no record was asked for")?;
    report(records, time, cpu);
    Ok(())
}

fn producer(
    brokers: &str,
    codec: &str,
    batch_bytes: &str,
    linger_ms: &str,
) -> Result<BaseProducer, Box<dyn Error>> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("compression.type", codec)
        .set("batch.size", batch_bytes)
        .set("batch.num.messages", "1000000")
        .set("linger.ms", linger_ms)
        .set("queue.buffering.max.messages", "2000000")
        .set("queue.buffering.max.kbytes", "1048576")
        .create()?)
}

fn produce(
    producer: &BaseProducer,
    topic: &str,
    records: u64,
    partitions: u64,
    bytes: usize,
) -> Result<(), Box<dyn Error>> {
    let value = vec![b'x'; bytes];
    let (time, cpu) = (Instant::now(), cpu_seconds());
    for n in 0..records {
        send(producer, topic, (n % partitions) as i32, &value);
    }
    producer.flush(PATIENCE)?;
    report(records, time, cpu);
    Ok(())
}

fn fill(producer: &BaseProducer, topic: &str) -> Result<(), Box<dyn Error>> {
    let (time, cpu) = (Instant::now(), cpu_seconds());
    let mut records = 0;
    for line in std::io::stdin().lock().split(b'\n') {
        send(producer, topic, (records / 1_000 % 2) as i32, &line?);
        records += 1;
    }
    producer.flush(PATIENCE)?;
    report(records, time, cpu);
    Ok(())
}

fn send(producer: &BaseProducer, topic: &str, partition: i32, value: &[u8]) {
    let mut record = BaseRecord::<(), [u8]>::to(topic).payload(value).partition(partition);
    // A full queue gives the record back.
    while let Err((_, back)) = producer.send(record) {
        producer.poll(Duration::from_millis(1));
        record = back;
    }
}

fn report(records: u64, begin: Instant, cpu: f64) {
    println!("{records} {:.6} {:.2}", begin.elapsed().as_secs_f64(), cpu_seconds() - cpu);
}

/// User and system time of this process, fields 14 and 15 of all.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
