"""What both loops share: a cluster of .ci/brokers, what is asked of it, and a writer of numbers."""

import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

DEADLINE_S = 120
LONGEST_LIFE_S = 2.0
ROOT = Path(__file__).resolve().parent.parent.parent


def brokers(*arguments):
    return subprocess.run([ROOT / ".ci/brokers", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def until(what, condition):
    """Polls, as neither brokers nor files tell anybody of what has happened to them."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            sys.exit(f".ci/kill-loop: {what}: not within {DEADLINE_S} s")
        time.sleep(0.05)


def a_while():
    time.sleep(random.uniform(0, LONGEST_LIFE_S))


class Cluster:
    def __init__(self, name, servers, zookeeper=None):
        """`zookeeper` is where its nodes are, if it has some."""
        self.name, self.servers, self.zookeeper = name, servers, zookeeper
        self.version = name.split("x")[0]
        self.size = len(servers.split(","))
        self.is_idempotent = tuple(map(int, self.version.split(".")[:2])) >= (0, 11)
        self.is_silent = self.version.startswith(("0.8.", "0.9."))

    def kcat(self, *arguments):
        old = ["-X", "api.version.request=false", "-X", f"broker.version.fallback={self.version}"]
        return ["kcat", "-b", self.servers, "-m", "30", *(old if self.is_silent else []), *arguments]

    def asked(self, *arguments):
        return subprocess.run(self.kcat(*arguments), check=True, capture_output=True, text=True).stdout

    def has_all_replicas(self, topic):
        answer = json.loads(self.asked("-L", "-J", "-t", topic))
        return all(len(p["isrs"]) == self.size for p in answer["topics"][0]["partitions"])


class Writer:
    """kcat, to which a thread gives some hundred numbers a second."""

    def __init__(self, cluster, topic):
        more = ["-X", "enable.idempotence=true"] if cluster.is_idempotent else []
        # -E: brokers that are away are no reason to give up.
        command = cluster.kcat("-P", "-E", "-q", "-t", topic, "-X", "acks=all", "-X", "linger.ms=2", *more)
        self.kcat = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.count, self.stop = 0, threading.Event()
        self.thread = threading.Thread(target=self.write, daemon=True)
        self.thread.start()

    def write(self):
        while not self.stop.wait(0.002):
            self.kcat.stdin.write(b"%d\n" % self.count)
            self.kcat.stdin.flush()
            self.count += 1

    def finish(self):
        """How many numbers it has written, all of them acknowledged."""
        self.stop.set()
        self.thread.join()
        self.kcat.stdin.close()
        if self.kcat.wait(DEADLINE_S) != 0:
            sys.exit(".ci/kill-loop: kcat could not write all")
        return self.count
