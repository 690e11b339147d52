"""Judges every answer against what the database had committed and what had been purged when it was asked for. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Read(NamedTuple):
    """One mention of a post in an answer."""

    asked_at: float
    post: int
    version: int
    sequence: int
    """At which the answer was rendered; 0 where it doesn't say."""


@dataclass(frozen=True, slots=True)
class Write:
    """One committed version of a post, and how its purge went; instants in seconds of the machine's clock."""

    post: int
    version: int
    committed_at: float
    sequence: int
    done_at: float
    """When every tier had proved the purge."""

    rebounded_at: float | None
    """When every tier had proved the rebound, or the later batch that did its work; None where there is none."""


class Timeline:
    """Versions of one post in the order in which they reached a stage, the newest so far at each."""

    def __init__(self, stages: Iterable[tuple[float, int, int]]) -> None:
        """`stages`: instant, version, sequence."""
        self.instants: list[float] = []
        self.newest: list[tuple[int, int]] = []
        for instant, version, sequence in sorted(stages):
            best = self.newest[-1] if self.newest else (0, 0)
            self.instants.append(instant)
            self.newest.append(max(best, (version, sequence)))

    def at(self, instant: float) -> tuple[int, int]:
        """Version and sequence of the newest that had reached the stage by then."""
        place = bisect_right(self.instants, instant)
        return self.newest[place - 1] if place else (0, 0)

    def first_after(self, version: int) -> float:
        """When the first version newer than this reached the stage."""
        return min(instant for instant, (newest, _) in zip(self.instants, self.newest, strict=True) if newest > version)


@dataclass(slots=True)
class Verdict:
    """What was found."""

    reads: int = 0
    stale_before_done: int = 0
    longest_stale_milliseconds: float = 0.0
    """Of those before completion: from the commit of the first newer version to the question."""

    stale_after_done: int = 0
    stale_after_rebound: int = 0
    old_sequence_after_done: int = 0
    """Answers rendered before a batch that was complete when they were asked for."""

    content_older_than_sequence: int = 0
    """Answers whose sequence promises more than they show: an inner cache of values was stale."""

    examples: list[dict[str, Any]] = field(default_factory=list)


def judge(reads: Iterable[Read], writes: Sequence[Write], limit: int = 5) -> Verdict:
    """Compare each read with the newest version that was committed, purged and rebounded when it was asked for."""
    committed = _timelines(writes, {id(write): write.committed_at for write in writes})
    done = _timelines(writes, {id(write): write.done_at for write in writes})
    rebounded = _timelines(writes, {id(write): write.rebounded_at for write in writes if write.rebounded_at})
    verdict = Verdict()
    for read in reads:
        verdict.reads += 1
        newest, _ = committed[read.post].at(read.asked_at) if read.post in committed else (0, 0)
        purged, sequence = done[read.post].at(read.asked_at) if read.post in done else (0, 0)
        again, _ = rebounded[read.post].at(read.asked_at) if read.post in rebounded else (0, 0)
        verdict.old_sequence_after_done += 0 < read.sequence < sequence
        verdict.stale_after_rebound += read.version < again
        if read.version < purged:
            verdict.stale_after_done += 1
            verdict.content_older_than_sequence += read.sequence >= sequence
            if len(verdict.examples) < limit:
                verdict.examples.append({**read._asdict(), "purged": purged, "purged_sequence": sequence})
        elif read.version < newest:
            age = read.asked_at - committed[read.post].first_after(read.version)
            verdict.stale_before_done += 1
            verdict.longest_stale_milliseconds = max(verdict.longest_stale_milliseconds, 1000 * age)
    return verdict


def _timelines(writes: Sequence[Write], instants: Mapping[int, float | None]) -> dict[int, Timeline]:
    stages: dict[int, list[tuple[float, int, int]]] = {}
    for write in writes:
        instant = instants.get(id(write))
        if instant is not None:
            stages.setdefault(write.post, []).append((instant, write.version, write.sequence))
    return {post: Timeline(found) for post, found in stages.items()}
