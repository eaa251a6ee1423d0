"""What .ci/brokers asks of running brokers: whether they serve, and to change topics and leaders.

The script calls it as `brokers.py RUN-FOLDER VERB ARGUMENTS...`; its usage tells the verbs. Three ways lead to the old and
the new brokers: Metadata 0, which all of them answer, by hand; the nodes in ZooKeeper, which the old ones obey; and
librdkafka's admin client for the others.
"""

import json
import logging
import re
import socket
import struct
import sys
import time
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

DEADLINE_S = 60


class Failed(Exception):
    pass


class Cluster:
    def __init__(self, run, name):
        self.name, self.folder = name, run / name
        self.release = tuple(int(part) for part in re.findall(r"\d+", name.split("x")[0]))
        servers = self.folder / "servers"
        self.servers = dict(enumerate(servers.read_text().strip().split(","), 1)) if servers.exists() else {}
        self.zookeeper = run / "zookeeper" / "servers"

    def pid(self, n):
        return int((self.folder / str(n) / "pid").read_text())

    def running(self):
        return {n: server for n, server in self.servers.items() if alive(self.pid(n))}

    @cached_property
    def admin(self):
        from confluent_kafka.admin import AdminClient

        return AdminClient({"bootstrap.servers": ",".join(self.running().values()), "log_level": 2})

    @contextmanager
    def nodes(self, chroot=True):
        """A session with ZooKeeper that sees the cluster's own nodes."""
        from kazoo.client import KazooClient

        logging.getLogger("kazoo").setLevel(logging.CRITICAL)
        client = KazooClient(self.zookeeper.read_text().strip() + (f"/{self.name}" if chroot else ""))
        client.start(timeout=20)
        try:
            yield client
        finally:
            client.stop()
            client.close()


def alive(pid):
    try:
        return not re.search(r"^State:\s[ZX]", Path(f"/proc/{pid}/status").read_text(), re.M)
    except OSError:
        return False


def until(what, condition, pid=None):
    """Polls, as these servers tell nobody of what they have done."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if pid is not None and not alive(pid):
            raise Failed(f"{what}: the process has ended")
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {DEADLINE_S} s")
        time.sleep(0.05)


# --- the protocol by hand ---------------------------------------------------------------------------------------------


def exchange(server, key, version, body, flexible=False):
    host, port = server.split(":")
    header = struct.pack(">hhih", key, version, 1, 2) + b"bt" + (b"\0" if flexible else b"")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.settimeout(10)
        connection.sendall(struct.pack(">i", len(header + body)) + header + body)
        frame = connection.makefile("rb")
        size = struct.unpack(">i", frame.read(4))[0]
        return frame.read(size)[5 if flexible else 4 :]


class Fields:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, kind):
        value = struct.unpack_from(">" + kind, self.data, self.at)[0]
        self.at += struct.calcsize(">" + kind)
        return value

    def string(self):
        size = self.take("h")
        self.at += size
        return self.data[self.at - size : self.at].decode()

    def many(self, element):
        return [element() for _ in range(self.take("i"))]


def metadata(server):
    """The brokers, and of each topic a dict of partition -> (error, leader, replicas, in sync); None if none answers.

    It asks for all topics: a question for one creates it.
    """

    def partition():
        error, index, leader = answer.take("h"), answer.take("i"), answer.take("i")
        return index, (error, leader, answer.many(number), answer.many(number))

    def topic():
        answer.take("h")
        return answer.string(), dict(answer.many(partition))

    def broker():
        return answer.take("i"), answer.string(), answer.take("i")

    try:
        answer = Fields(exchange(server, 3, 0, struct.pack(">i", 0)))
        number = lambda: answer.take("i")
        return {id for id, _, _ in answer.many(broker)}, dict(answer.many(topic))
    except (OSError, struct.error):
        return None


def four_letters(server, word):
    """What a ZooKeeper server answers to one of its commands; nothing if it does not."""
    host, port = server.split(":")
    try:
        with socket.create_connection((host, int(port)), 1) as connection:
            connection.sendall(word)
            return connection.makefile("rb").read()
    except OSError:
        return b""


def until_topic(cluster, topic, what, condition):
    """Until the condition holds of the topic's partitions as every running broker tells them."""

    def everywhere():
        answers = [metadata(server) for server in cluster.running().values()]
        return answers and all(answer and condition(answer[1].get(topic, {})) for answer in answers)

    until(f"{what} of {topic} in {cluster.name}", everywhere)


# --- verbs ------------------------------------------------------------------------------------------------------------


def wait_zookeeper(run, folder, number=None):
    """Until it serves. One of an ensemble needs others for that; while they are dead, it is enough that it answers."""
    ensemble = Cluster(run, folder)
    running = ensemble.running() if number else {}
    server = ensemble.servers[int(number or 1)]
    serves = (lambda: b"Mode:" in four_letters(server, b"srvr")) if len(running) != 1 else (lambda: four_letters(server, b"ruok"))
    until("ZooKeeper", serves, ensemble.pid(number or "."))


def zookeeper_leader(run, folder):
    ensemble = Cluster(run, folder)
    leads = lambda: [n for n, server in ensemble.running().items() if b"Mode: leader" in four_letters(server, b"srvr")]
    until("a leader", leads)
    print(leads()[0])


def wait_broker(run, folder):
    """Until it tells of every running broker, and of a leader for each partition that can have one."""
    name, n = folder.rsplit("/", 1)
    cluster = Cluster(run, name)

    def controlled():
        """Whether a controller took it on. Earlier, a topic might get no leader for ever; there are log lines only."""
        logs = "".join((cluster.folder / str(id) / "log").read_text().rpartition("\n== ")[2] for id in cluster.servers)
        return re.search(rf"to-broker-{n}-send-thread\], Starting", logs) and "to serve as the new controller" in logs

    def serves():
        seen, running = metadata(cluster.servers[int(n)]), cluster.running().keys()
        if seen and not seen[1] and cluster.release < (0, 9):  # it tells of no broker before there is a topic
            with cluster.nodes() as nodes:
                return controlled() and not nodes.get_children("/brokers/topics")
        partitions = [p for topic in seen[1].values() for p in topic.values()] if seen else []
        # 9 means that one of the replicas is dead, which is no matter here.
        led = all(error in (0, 9) and leader >= 0 for error, leader, replicas, _ in partitions if running & set(replicas))
        return seen and seen[0] >= running and led

    until(f"broker {n} of {name}", serves, cluster.pid(int(n)))


def forget(run, name):
    """What an earlier cluster of this name wrote to ZooKeeper."""
    with Cluster(run, name).nodes(chroot=False) as nodes:
        if nodes.exists(f"/{name}"):
            nodes.delete(f"/{name}", recursive=True)


def add_user(run, name, user, password):
    """A user of SCRAM, once all brokers let it in."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

    cluster = Cluster(run, name)
    mechanisms = {"SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512}
    for mechanism in mechanisms.values():  # a request may change a user once
        credential = UserScramCredentialUpsertion(user, ScramCredentialInfo(mechanism, 4096), password.encode())
        done(cluster.admin.alter_user_scram_credentials([credential]))

    def is_let_in(server, mechanism):
        login = {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password}
        settings = {"bootstrap.servers": server, "security.protocol": "SASL_PLAINTEXT", "log_level": 0} | login
        try:
            return AdminClient(settings).list_topics(timeout=2)
        except KafkaException:
            return False

    for server in (cluster.folder / "servers.SASL_PLAINTEXT").read_text().strip().split(","):
        for mechanism in mechanisms:
            until(f"user {user} at {server}", lambda: is_let_in(server, mechanism))


def encoded(value):
    return json.dumps(value, separators=(",", ":")).encode()


def done(futures):
    for future in futures.values():
        future.result(DEADLINE_S)


def spread(cluster, partitions, replicas):
    ids = list(cluster.running())
    return [[ids[(p + r) % len(ids)] for r in range(replicas)] for p in partitions]


def served(partitions):
    return lambda now: len(now) == partitions and all(error == 0 and leader >= 0 for error, leader, *_ in now.values())


def create(cluster, topic, partitions, *more):
    replicas = int(more[0]) if more and "=" not in more[0] else 1
    config = dict(setting.split("=", 1) for setting in more if "=" in setting)
    assignment = spread(cluster, range(int(partitions)), replicas)
    if cluster.release < (0, 11):
        with cluster.nodes() as nodes:
            if nodes.exists(f"/brokers/topics/{topic}"):
                raise Failed(f"{topic} exists")
            nodes.ensure_path("/config/topics")
            nodes.create(f"/config/topics/{topic}", encoded({"version": 1, "config": config}))
            nodes.create(f"/brokers/topics/{topic}", encoded({"version": 1, "partitions": dict(enumerate(assignment))}))
    else:
        from confluent_kafka.admin import NewTopic

        done(cluster.admin.create_topics([NewTopic(topic, int(partitions), replica_assignment=assignment, config=config)]))
    until_topic(cluster, topic, "creation", served(int(partitions)))


def delete(cluster, topic):
    if cluster.release < (0, 11):
        with cluster.nodes() as nodes:
            nodes.create(f"/admin/delete_topics/{topic}", makepath=True)
            until(f"deletion of {topic}", lambda: not nodes.exists(f"/brokers/topics/{topic}"))
    else:
        done(cluster.admin.delete_topics([topic]))
        if cluster.release < (4,):  # brokers forget it before its name is free again
            with cluster.nodes() as nodes:
                marked = lambda: nodes.exists(f"/admin/delete_topics/{topic}") or nodes.exists(f"/brokers/topics/{topic}")
                until(f"deletion of {topic}", lambda: not marked())
    until_topic(cluster, topic, "deletion", lambda now: not now)


def grow(cluster, topic, partitions):
    now = metadata(next(iter(cluster.running().values())))[1].get(topic)
    if not now:
        raise Failed(f"no topic {topic}")
    more = spread(cluster, range(len(now), int(partitions)), len(now[0][2]))
    if cluster.release < (1,):
        with cluster.nodes() as nodes:
            node = json.loads(nodes.get(f"/brokers/topics/{topic}")[0])
            node["partitions"] |= {str(p): ids for p, ids in enumerate(more, len(now))}
            nodes.set(f"/brokers/topics/{topic}", encoded(node))
    else:
        from confluent_kafka.admin import NewPartitions

        done(cluster.admin.create_partitions([NewPartitions(topic, int(partitions))]))
    until_topic(cluster, topic, "growth", served(int(partitions)))


def reassign(cluster, topic, partition, replicas):
    """AlterPartitionReassignments 0, which librdkafka has not. All its sizes are small enough for one byte."""
    compact = lambda items: bytes([len(items) + 1]) + b"".join(items)
    row = struct.pack(">i", partition) + compact([struct.pack(">i", id) for id in replicas]) + b"\0"
    body = struct.pack(">i", 30000) + compact([bytes([len(topic) + 1]) + topic.encode() + compact([row]) + b"\0"]) + b"\0"
    answers = [struct.unpack_from(">h", exchange(s, 45, 0, body, True), 4)[0] for s in cluster.running().values()]
    if 0 not in answers:
        raise Failed(f"no broker reassigns {topic} {partition}: errors {answers}")


def order(nodes, path, value):
    """Gives the controller an order, once it has done the last one of this kind, and waits until it is done."""
    until(path, lambda: not nodes.exists(path))
    nodes.create(path, encoded(value), makepath=True)
    until(path, lambda: not nodes.exists(path))


def move_leader(cluster, topic, partition, broker):
    """Makes the broker the first of the replicas, as such a one is elected when the preferred leader shall lead."""
    partition, broker = int(partition), int(broker)
    now = metadata(next(iter(cluster.running().values())))[1].get(topic, {}).get(partition)
    if now is None or broker not in cluster.servers:
        raise Failed(f"no partition {partition} of {topic}, or no broker {broker}")
    replicas = [broker] + [id for id in now[2] if id != broker][: len(now[2]) - 1]
    where = {"topic": topic, "partition": partition}
    if cluster.release < (2, 4):
        with cluster.nodes() as nodes:
            if replicas != now[2]:
                order(nodes, "/admin/reassign_partitions", {"version": 1, "partitions": [where | {"replicas": replicas}]})
            order(nodes, "/admin/preferred_replica_election", {"version": 1, "partitions": [where]})
    else:
        from confluent_kafka import ElectionType, TopicPartition

        reassign(cluster, topic, partition, replicas)
        in_place = lambda now: now[partition][2] == replicas and broker in now[partition][3]
        until_topic(cluster, topic, "reassignment", in_place)
        wanted = cluster.admin.elect_leaders(ElectionType.PREFERRED, [TopicPartition(topic, partition)])
        for error in wanted.result(DEADLINE_S).values():
            if error is not None and error.name() != "ELECTION_NOT_NEEDED":
                raise Failed(error)
    until_topic(cluster, topic, "new leader", lambda now: now[partition][1] == broker)


def main(run, verb, *args):
    run = Path(run)
    if verb == "topic":
        {"create": create, "delete": delete, "grow": grow}[args[1]](Cluster(run, args[0]), *args[2:])
    elif verb == "move-leader":
        move_leader(Cluster(run, args[0]), *args[1:])
    else:
        verbs = [add_user, forget, wait_broker, wait_zookeeper, zookeeper_leader]
        {function.__name__.replace("_", "-"): function for function in verbs}[verb](run, *args)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Failed as error:
        sys.exit(f".ci/brokers: {error}")
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("cimpl", "kazoo"):
            raise
        sys.exit(f".ci/brokers: {' '.join(sys.argv[2:])}: {error or type(error).__name__}")
