"""As committed.py, of a group in ZooKeeper: `committed_in_zookeeper.py ZK GROUP TOPIC PARTITIONS`."""

import sys
import time

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

servers, group, topic, partitions = sys.argv[1:]
zookeeper = KazooClient(hosts=servers)
zookeeper.start(30)


def offset(partition):
    try:
        return int(zookeeper.get(f"/consumers/{group}/offsets/{topic}/{partition}")[0])
    except NoNodeError:
        return -1


for _ in sys.stdin:
    offsets = [offset(partition) for partition in range(int(partitions))]
    print(*offsets, time.time_ns() // 1_000_000, flush=True)
