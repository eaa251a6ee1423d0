"""What members of a group have printed, held against the log of their topic and what was known to be committed.

- Each record of the log is processed, and what is processed is in the log.
- What is committed was processed before.
- What one of ours processes was not known to be committed when its batch began. So it may process a record a second time
  only if nobody had committed that by the last look, and there was one after each kill. Excepted are batches that were cut
  before others got their partitions, which the member tells (`commit_skipped`), and the last batch of one that was killed,
  which it could not tell. Whether others do so is only counted.
"""

import re
import sys
from bisect import bisect_left
from collections import Counter, defaultdict


class Batch:
    def __init__(self, at):
        self.at, self.records = at, []


class Evidence:
    def __init__(self, name, written, log, members):
        self.name, self.members = name, members
        records = (line.split(" ", 2) for line in log)
        self.log = {(int(partition), int(offset)): value for partition, offset, value in records}
        self.late = Counter()
        lost = set(map(str, range(written))) - set(self.log.values())
        if lost:
            self.fail("acknowledged and not in the log", lost)

    def fail(self, what, records):
        records = sorted(records)
        sys.exit(f".ci/kill-loop: {self.name}: {len(records)} {what}: {records[:9]}")

    def processed(self):
        for member in self.members:
            for batch in member.batches:
                for partition, offset, value in batch.records:
                    yield batch.at, member.kind, (partition, offset), value

    def missing(self):
        return self.log.keys() - {record for _, _, record, _ in self.processed()}

    def hold_against(self, committed):
        """`committed` are the times at which the offsets of all partitions were known, and those offsets."""
        foreign = {record for _, _, record, value in self.processed() if self.log.get(record) != value}
        if foreign:
            self.fail("are not in the log as they were processed", foreign)
        if self.missing():
            self.fail("are not processed", self.missing())
        if {member.kind for member in self.members} == {"ours"}:
            told = [line for member in self.members for line in member.told if line.startswith("told offset_overwritten")]
            if told:
                self.fail("of ours have written over each other's offsets", told)
        self.check_that_what_is_committed_was_processed(committed)
        for member in self.members:
            self.check_that_what_is_processed_was_not_committed(member, committed)

    def check_that_what_is_committed_was_processed(self, committed):
        first = {}
        for at, _, record, _ in self.processed():
            first[record] = min(at, first.get(record, at))
        offsets_of, all_by = defaultdict(list), defaultdict(list)
        for (partition, offset), at in sorted(first.items()):
            offsets_of[partition].append(offset)
            all_by[partition].append(max([at, *all_by[partition][-1:]]))
        for known_at, offsets in committed:
            for partition, offset in enumerate(offsets):
                before = bisect_left(offsets_of[partition], offset)
                if before and all_by[partition][before - 1] > known_at:
                    self.fail(f"is committed by {known_at} and was not processed by then", [(partition, offset)])

    def check_that_what_is_processed_was_not_committed(self, member, committed):
        skipped = ranges(member.told)
        known, looks = defaultdict(int), iter(committed)
        look = next(looks, None)
        for batch in sorted(member.batches, key=lambda batch: batch.at):
            while look and look[0] < batch.at:
                known.update({p: max(offset, known[p]) for p, offset in enumerate(look[1])})
                look = next(looks, None)
            late = {(p, o) for p, o, _ in batch.records if o < known[p]}
            self.late[member.kind] += len(late)
            excused = member.kind != "ours" or (member.is_killed and batch is member.batches[-1])
            stale = {(p, o) for p, o in late if not any(o in span for span in skipped[p])}
            if stale and not excused:
                self.fail(f"were committed when {member.output.name} processed them", stale)

    def summary(self):
        by = defaultdict(list)
        for at, kind, record, _ in self.processed():
            by[record].append((at, kind))
        # A record is processed again because of who has processed it before.
        again = Counter(kind for times in by.values() for _, kind in sorted(times)[:-1])
        tell = lambda counts: ", ".join(f"{kind} {counts[kind]}" for kind in sorted({m.kind for m in self.members}))
        late = f"; in batches cut before others had committed: {tell(self.late)}" if +self.late else ""
        return f"{len(self.log)} records, each processed; again after {tell(again)}{late}"


def ranges(told):
    """The ranges of a member's events `commit_skipped`, by partition."""
    spans = defaultdict(list)
    for line in told:
        if line.startswith("told commit_skipped"):
            for partition, start, end in re.findall(r"-(\d+) \[(\d+), (\d+)\)", line):
                spans[int(partition)].append(range(int(start), int(end)))
    return spans
