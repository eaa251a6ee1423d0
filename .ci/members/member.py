"""librdkafka as a member of a group: `member.py BROKERS GROUP TOPIC [NAME=VALUE...]`.

It prints what happens to it as `tests/member.rs` does, and commits what it has printed and flushed. It leaves in order when
its standard input ends.
"""

import select
import sys
import time

from confluent_kafka import Consumer, KafkaException

brokers, group, topic, *more = sys.argv[1:]
settings = {"bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False, "log_level": 3}
consumer = Consumer(settings | dict(setting.split("=", 1) for setting in more))
consumer.subscribe([topic])
had = None
while not select.select([sys.stdin], [], [], 0)[0]:
    records = consumer.consume(500, 0.05)
    has = sorted(partition.partition for partition in consumer.assignment())
    lines = []
    if has != had:
        lines.append(" ".join(map(str, ["has", *has])))
        had = has
    records = [record for record in records if not record.error()]
    if records:
        lines.append(f"batch {time.time_ns() // 1_000_000}")
    lines += [f"{record.partition()} {record.offset()} {record.value().decode()}" for record in records]
    if lines:
        print(*lines, sep="\n", flush=True)
    if records:
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            # The others read again what is not committed, as the partitions are theirs by now.
            print(f"told commit: {error.args[0].name()}", flush=True)
consumer.close()
