"""What scenarios ask of confluent-kafka: `confluent.py VERB BROKERS ...`; records are read as lines from standard input.

    produce BROKERS TOPIC CODEC            key and header are the line's number
    consume BROKERS TOPIC N                prints N records: partition, offset, key, value, with tabs between them
    join BROKERS TOPIC GROUP               prints records as a member of the group, until it is killed
    transact BROKERS TOPIC ID ENDING       one transaction, its ENDING is commit or abort
"""

import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

DEADLINE_S = 60


def lines():
    return [line.rstrip("\n") for line in sys.stdin]


def deliver(producer, topic, headers=True):
    """Sends the lines and waits until all are acknowledged."""

    def delivered(error, _):
        if error is not None:
            sys.exit(f"not delivered: {error}")

    for number, line in enumerate(lines()):
        more = {"headers": [("number", str(number))]} if headers else {}
        producer.produce(topic, line, str(number), on_delivery=delivered, **more)
    if producer.flush(DEADLINE_S):
        sys.exit("not all were delivered in time")


def produce(brokers, topic, codec, *headers):
    producer = Producer({"bootstrap.servers": brokers, "compression.type": codec, "acks": "all", "linger.ms": 5})
    deliver(producer, topic, headers=bool(headers))


def show(record, flush=False):
    text = lambda data: "" if data is None else data.decode()
    print(record.partition(), record.offset(), text(record.key()), text(record.value()), sep="\t", flush=flush)


def consume(brokers, topic, count):
    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": topic, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    # Without a group, which not every cluster has.
    partitions = consumer.list_topics(topic, DEADLINE_S).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    for _ in range(int(count)):
        record = consumer.poll(DEADLINE_S)
        if record is None or record.error():
            sys.exit(f"no record: {record and record.error()}")
        show(record)
    consumer.close()


def join(brokers, topic, group):
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 500,
            "auto.commit.interval.ms": 100,
        }
    )
    consumer.subscribe([topic])
    while True:
        record = consumer.poll(1)
        if record is not None:
            if record.error():
                sys.exit(f"no record: {record.error()}")
            show(record, flush=True)


def transact(brokers, topic, id, ending):
    producer = Producer({"bootstrap.servers": brokers, "transactional.id": id})
    producer.init_transactions(DEADLINE_S)
    producer.begin_transaction()
    deliver(producer, topic)
    if ending == "commit":
        producer.commit_transaction(DEADLINE_S)
    else:
        producer.abort_transaction(DEADLINE_S)


{"produce": produce, "consume": consume, "join": join, "transact": transact}[sys.argv[1]](*sys.argv[2:])
