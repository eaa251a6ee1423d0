"""A member of a group that prints what it has, until its standard input has a line: `member.py BROKERS GROUP TOPIC ASSIGNORS`."""

import select
import sys

from confluent_kafka import Consumer

brokers, group, topic, assignors, *fallback = sys.argv[1:]
settings = {
    "bootstrap.servers": brokers,
    "group.id": group,
    "partition.assignment.strategy": assignors,
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 250,
    "enable.auto.commit": False,
}
if fallback:
    settings |= {"api.version.request": False, "broker.version.fallback": fallback[0]}
consumer = Consumer(settings)
consumer.subscribe([topic])
before = None
while not select.select([sys.stdin], [], [], 0)[0]:
    consumer.poll(0.05)
    now = sorted(tp.partition for tp in consumer.assignment())
    if now != before:
        print("has", *now, flush=True)
        before = now
consumer.close()
