"""What a group has committed: `committed.py BROKERS GROUP TOPIC PARTITIONS [NAME=VALUE...]`.

It answers each line of its standard input by one line: the offsets of the partitions in order, -1 for none, and behind them
the time in milliseconds since 1970 at which all of them were known.
"""

import sys
import time

from confluent_kafka import Consumer, TopicPartition

brokers, group, topic, partitions, *more = sys.argv[1:]
settings = {"bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False, "log_level": 3}
consumer = Consumer(settings | dict(setting.split("=", 1) for setting in more))
for _ in sys.stdin:
    asked = [TopicPartition(topic, partition) for partition in range(int(partitions))]
    offsets = [max(answer.offset, -1) for answer in consumer.committed(asked, timeout=30)]
    print(*offsets, time.time_ns() // 1_000_000, flush=True)
