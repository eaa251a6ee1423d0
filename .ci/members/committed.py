"""What a group has committed: `committed.py BROKERS GROUP TOPIC PARTITIONS [NAME=VALUE...]`.

It answers each line of its standard input by one line: the offsets of the partitions in order, -1 for none, and behind them
the time in milliseconds since 1970 at which all of them were known. It waits where the group has no coordinator for a while,
as after a broker was killed.
"""

import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

DEADLINE_S = 60
# librdkafka asks again a few times on its own, within less time than it takes brokers to name another coordinator.
PASSING = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError._WAIT_COORD,
}

brokers, group, topic, partitions, *more = sys.argv[1:]
settings = {"bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False, "log_level": 3}
consumer = Consumer(settings | dict(setting.split("=", 1) for setting in more))


def committed():
    asked = [TopicPartition(topic, partition) for partition in range(int(partitions))]
    end = time.monotonic() + DEADLINE_S
    while True:
        try:
            return [max(answer.offset, -1) for answer in consumer.committed(asked, timeout=30)]
        except KafkaException as error:
            if error.args[0].code() not in PASSING or time.monotonic() > end:
                raise
            time.sleep(0.1)


for _ in sys.stdin:
    print(*committed(), time.time_ns() // 1_000_000, flush=True)
