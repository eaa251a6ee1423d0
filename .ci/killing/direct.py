"""The exactly-once example, which is killed, its brokers too; at the end every record must be counted once.

In each cluster kcat writes the numbers from 0 on to a topic, with acknowledgements of all replicas, and direct_kafka_sqlite
counts them. A round ends the application by kill -9 at a random moment, or a broker, or both, and starts again what it has
ended. After the last round the writer ends, and with it every number that it wrote is acknowledged. Then what kcat reads of
the log is compared with the counts in the database, and with what was written. Brokers before 0.11 know no idempotent
producer, so that their log may hold a number twice; the application must then have counted it twice.
"""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter

from .cluster import DEADLINE_S, Writer, a_while, brokers, until

class Application:
    """direct_kafka_sqlite, which is killed and started again."""

    def __init__(self, program, cluster, topic, folder):
        self.database, self.log = folder / "counts.db", folder / "log"
        options = ["--batch-ms", "20", "--param", "metadata.max.age.ms=1000"]
        if cluster.is_silent:
            # Else a start asks each broker for its version, which takes seconds in which nothing else can be hit.
            options += ["--param", f"broker.version.fallback={cluster.version}"]
        self.command = [program, cluster.servers, topic, self.database, *options]
        self.start()

    def start(self):
        with self.log.open("a") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def check(self):
        if self.process.poll() is not None:
            lines = self.log.read_text().splitlines()[-5:]
            sys.exit("\n".join([f".ci/kill-loop: the application has ended by itself: {self.log}", *lines]))

    def kill(self):
        self.check()
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(DEADLINE_S) != 0:
            self.check()

    def select(self, statement):
        database = sqlite3.connect(self.database, timeout=DEADLINE_S)
        try:
            return database.execute(statement).fetchall()
        finally:
            database.close()


class Loop:
    def __init__(self, program, folder, cluster):
        self.cluster, self.folder = cluster, folder / cluster.name
        self.topic = f"kills-{time.time_ns()}"
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.iterdir():
            old.unlink()
        settings = ["min.insync.replicas=2"] if cluster.size > 2 else []
        brokers("topic", cluster.name, "create", self.topic, 2, cluster.size, *settings)
        self.writer = Writer(cluster, self.topic)
        self.application = Application(program, cluster, self.topic, self.folder)
        self.kills = Counter()

    def kill_application(self):
        self.application.kill()
        self.kills["application"] += 1
        self.application.start()

    def kill_broker(self, meanwhile):
        broker = random.randint(1, self.cluster.size)
        brokers("kill", self.cluster.name, broker)
        self.kills["broker"] += 1
        a_while()
        meanwhile()
        brokers("restart", self.cluster.name, broker)
        # Another one may die only when all have what is acknowledged.
        until(f"replicas of {self.topic}", lambda: self.cluster.has_all_replicas(self.topic))

    def round(self, number):
        a_while()
        if number % 2 == 0:
            self.kill_application()
        elif number % 4 == 1 or self.cluster.size == 1:
            self.kill_broker(meanwhile=lambda: None)
        else:
            self.kill_broker(meanwhile=self.kill_application)
        self.application.check()

    def finish(self):
        written = self.writer.finish()
        log = self.cluster.asked("-C", "-e", "-q", "-o", "beginning", "-t", self.topic, "-f", "%p %o %s\n").splitlines()
        records = [tuple(map(int, line.split())) for line in log]
        ends = {}
        for partition, offset, _ in records:
            ends[partition] = max(ends.get(partition, 0), offset + 1)

        def has_all():
            self.application.check()
            return dict(self.application.select("SELECT part, next FROM offsets")) == ends

        until("the end of the log", has_all)
        self.application.stop()
        in_log = Counter(number for _, _, number in records)
        counted = Counter({int(word): number for word, number in self.application.select("SELECT * FROM counts")})
        name = self.cluster.name
        if counted != in_log:
            lost, more = in_log - counted, counted - in_log
            sys.exit(f".ci/kill-loop: {name}: {len(lost)} lost: {list(lost)[:9]}; {len(more)} too many: {list(more)[:9]}")
        if in_log.keys() != set(range(written)):
            sys.exit(f".ci/kill-loop: {name}: acknowledged and not in the log: {sorted(set(range(written)) - in_log.keys())[:9]}")
        twice = len(records) - written
        if twice and self.cluster.is_idempotent:
            sys.exit(f".ci/kill-loop: {name}: the log holds {twice} records twice")
        by_writer = f", {twice} of them written twice by kcat" if twice else ""
        kills = f"{self.kills['application']} times the application and {self.kills['broker']} times a broker killed"
        print(f"{name}: {kills}; {len(records)} records{by_writer}, each counted once", flush=True)

    def close(self):
        """Ends what is left of it when it has failed."""
        self.application.process.kill()
        self.writer.kcat.kill()
