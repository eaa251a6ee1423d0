"""Three members of a group, of which one after the other is killed; at the end each record must be processed.

kcat writes the numbers from 0 on to a topic. Members are ours (tests/member.rs), Kafka's own consumer, librdkafka and, where
the group is in ZooKeeper, Kafka's consumer before 0.9 (.ci/members); all of them print a record before it is committed, and commit after each batch. A round ends one of them by
kill -9 at a random moment, asks what the group has committed, and starts another one in its place. Two rounds of three wait
until the group has shared out the partitions among three before, the others kill while it does so. After the last round the
writer ends, and with it every number that it wrote is acknowledged; when all are processed the members stop in order. What
they have printed is then held against the log and what was known to be committed, as told in evidence.py.
"""

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import chain

from .cluster import DEADLINE_S, ROOT, Writer, a_while, brokers, until
from .evidence import Batch, Evidence

PARTITIONS = 6
OURS, JAVA, LIBRDKAFKA, OLD = "ours", "java", "librdkafka", "old"
MIXES = [(OURS, OURS, OURS), (OURS, JAVA, LIBRDKAFKA)]
SETTINGS = ["session.timeout.ms=6000", "heartbeat.interval.ms=250", "auto.offset.reset=earliest"]
OLD_SETTINGS = ["zookeeper.session.timeout.ms=6000", "auto.offset.reset=smallest"]


def mixes(cluster):
    """Who coordinates, and which members there are: old ones where the jars have them."""
    in_zookeeper = (OURS, OLD, OURS) if cluster.version.startswith(("0.", "1.")) else (OURS, OURS, OURS)
    return [("brokers", mix) for mix in MIXES] + [("zookeeper", in_zookeeper)] * (cluster.zookeeper is not None)


class Group:
    """A group of a cluster, and how a member of a kind is started."""

    def __init__(self, program, cluster, coordinator, topic):
        self.program, self.cluster, self.topic, self.name = program, cluster, topic, topic
        self.coordinator = coordinator
        self.servers = cluster.servers if coordinator == "brokers" else cluster.zookeeper
        self.settings = list(SETTINGS if coordinator == "brokers" else OLD_SETTINGS)
        if coordinator == "brokers" and cluster.version.startswith("4."):  # else the default of all of them, which is range
            self.settings.append("partition.assignment.strategy=cooperative-sticky")

    def command(self, kind):
        what = [self.servers, self.name, self.topic, *self.settings]
        if kind != OURS:
            return [ROOT / ".ci/brokers", "member", self.cluster.name, kind, *what]
        # Else a start asks each broker for its version, which takes seconds.
        old = [f"broker.version.fallback={self.cluster.version}"] if self.cluster.is_silent else []
        return [self.program, self.coordinator, *what, *old]


class Member:
    """A member's process, and what it has printed so far."""

    def __init__(self, kind, command, output):
        self.kind, self.output, self.is_killed = kind, output, False
        self.batches, self.has, self.told = [], set(), []
        self.read_until = 0
        with output.open("wb") as out, output.with_suffix(".log").open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=log)

    def read(self):
        with self.output.open("rb") as output:
            output.seek(self.read_until)
            text = output.read()
        # A line without its end is not written yet, or never will be.
        text = text[: text.rfind(b"\n") + 1]
        self.read_until += len(text)
        for line in text.decode().splitlines():
            first, *rest = line.split(" ", 2)
            if first == "has":
                self.has = set(map(int, " ".join(rest).split()))
            elif first == "batch":
                self.batches.append(Batch(int(rest[0])))
            elif first == "told":
                self.told.append(line)
            else:
                self.batches[-1].records.append((int(first), int(rest[0]), rest[1]))

    def check(self):
        if self.process.poll() is not None:
            lines = self.output.with_suffix(".log").read_text().splitlines()[-5:]
            sys.exit("\n".join([f".ci/kill-loop: {self.output} has ended by itself", *lines]))

    def kill(self):
        self.check()
        self.is_killed = True
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.stdin.close()
        if self.process.wait(DEADLINE_S) != 0:
            self.check()
        self.read()


class Committed:
    """What the group has committed, asked twice a second, and whenever somebody wants to know."""

    def __init__(self, group):
        self.known, self.lock, self.stop, self.failed = [], threading.Lock(), threading.Event(), None
        what = [group.cluster.name, group.servers, group.name, group.topic, str(PARTITIONS)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([ROOT / ".ci/brokers", "committed", *what], stdin=pipe, stdout=pipe, text=True)
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def ask(self):
        with self.lock:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            *offsets, at = map(int, self.process.stdout.readline().split())
            self.known.append((at, offsets))

    def watch(self):
        try:
            while not self.stop.wait(0.5):
                self.ask()
        except (OSError, ValueError) as error:  # told by finish(): a thread's own end is seen by nobody
            self.failed = error

    def finish(self):
        self.stop.set()
        self.thread.join()
        if self.failed:
            sys.exit(f".ci/kill-loop: what the group has committed could not be asked any more: {self.failed}")
        self.process.stdin.close()
        self.process.wait()
        return self.known


class Loop:
    def __init__(self, program, folder, cluster, coordinator, mix):
        self.cluster, self.folder = cluster, folder / f"{cluster.name}-{coordinator}-{'-'.join(mix)}"
        self.topic = f"members-{time.time_ns()}"
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.iterdir():
            old.unlink()
        brokers("topic", cluster.name, "create", self.topic, PARTITIONS, cluster.size)
        self.group = Group(program, cluster, coordinator, self.topic)
        self.writer = Writer(cluster, self.topic)
        self.committed = Committed(self.group)
        self.all, self.kills = [], Counter()
        self.live = [self.start(kind) for kind in mix]

    def start(self, kind):
        number = len(self.all)
        member = Member(kind, self.group.command(kind), self.folder / f"{number}-{kind}")
        self.all.append(member)
        return member

    def read(self):
        for member in self.live:
            member.check()
            member.read()

    def is_shared_out(self):
        self.read()
        has = [member.has for member in self.live]
        return all(has) and sorted(chain(*has)) == list(range(PARTITIONS))

    def round(self, number):
        if number % 3 != 2:
            until(f"shares of {self.folder.name}", self.is_shared_out)
        a_while()
        at = random.randrange(len(self.live))
        killed = self.live[at]
        killed.kill()
        killed.read()
        self.committed.ask()
        self.kills[killed.kind] += 1
        self.live[at] = self.start(killed.kind)

    def finish(self):
        written = self.writer.finish()
        log = self.cluster.asked("-C", "-e", "-q", "-o", "beginning", "-t", self.topic, "-f", "%p %o %s\n").splitlines()
        evidence = Evidence(self.folder.name, written, log, self.all)

        def all_is_processed():
            self.read()
            return not evidence.missing()

        until(f"the last records of {self.folder.name}", all_is_processed)
        for member in self.live:
            member.stop()
        evidence.hold_against(self.committed.finish())
        killed = ", ".join(f"{number} {kind}" for kind, number in sorted(self.kills.items()))
        print(f"{self.folder.name}: killed {killed}; {evidence.summary()}", flush=True)

    def close(self):
        """Ends what is left of it when it has failed."""
        for member in self.all:
            member.process.kill()
        self.committed.process.kill()
        self.writer.kcat.kill()
