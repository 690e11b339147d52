"""Judges every answer against what the database had committed and what had been purged when it was asked for. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.chain.checked.stays import Stays


class Read(NamedTuple):
    """One mention of a post in an answer."""

    asked_at: float
    post: int
    version: int
    sequence: int
    """At which the answer was rendered; 0 where it doesn't say."""

    tier: str = ""
    """The outermost that had the answer in its store; gunicorn where none had."""

    asked: str = ""
    """The tier that was asked."""

    path: str = ""
    built: str = ""
    """When and from which values the origin built it."""


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
        return self.instants[bisect_right(self.newest, version, key=lambda stage: stage[0])]


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

    stayed_stale: Stays = field(default_factory=Stays)
    """By tier, from the commit to the last question that a copy answered with old content."""

    stayed_stale_after_done: Stays = field(default_factory=Stays)
    """The same, from the end of the purge."""

    examples: list[dict[str, Any]] = field(default_factory=list)
    old_examples: list[dict[str, Any]] = field(default_factory=list)
    """Of copies whose content is current and whose sequence is old, the first read of each."""

    def tells_of(self, read: Read) -> bool:
        """Is the copy among those examples?"""
        seen = {(example["tier"], example["path"], example["sequence"]) for example in self.old_examples}
        return (read.tier, read.path, read.sequence) in seen

    def document(self) -> dict[str, Any]:
        """For the report."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return {name: found.table() if isinstance(found, Stays) else found for name, found in plain.items()}


class Stages:
    """What had been committed, purged and rebounded of each post, and when."""

    def __init__(self, writes: Sequence[Write]) -> None:
        self.committed = _timelines(writes, {id(write): write.committed_at for write in writes})
        self.done = _timelines(writes, {id(write): write.done_at for write in writes})
        self.rebounded = _timelines(writes, {id(write): write.rebounded_at for write in writes if write.rebounded_at})


NOTHING = Timeline([])


def judge(reads: Iterable[Read], writes: Sequence[Write], limit: int = 20) -> Verdict:
    """Compare each read with the newest version that was committed, purged and rebounded when it was asked for."""
    stages, verdict = Stages(writes), Verdict()
    for read in reads:
        verdict.reads += 1
        purged = stages.done.get(read.post, NOTHING).at(read.asked_at)
        again, _ = stages.rebounded.get(read.post, NOTHING).at(read.asked_at)
        old = 0 < read.sequence < purged[1]
        verdict.old_sequence_after_done += old
        if old and len(verdict.old_examples) < limit and not verdict.tells_of(read):
            verdict.old_examples.append(read._asdict() | {"purged_sequence": purged[1]})
        verdict.stale_after_rebound += read.version < again
        if read.version < purged[0]:
            _stale_after_done(verdict, read, stages, purged, limit)
        elif read.version < stages.committed.get(read.post, NOTHING).at(read.asked_at)[0]:
            verdict.stale_before_done += 1
            age = _note(verdict.stayed_stale, read, stages.committed)
            verdict.longest_stale_milliseconds = max(verdict.longest_stale_milliseconds, age)
    return verdict


def _stale_after_done(verdict: Verdict, read: Read, stages: Stages, purged: tuple[int, int], limit: int) -> None:
    """Count it, and tell of each copy the first that was seen."""
    verdict.stale_after_done += 1
    verdict.content_older_than_sequence += read.sequence >= purged[1]
    if len(verdict.examples) < limit and (read.tier, _copy(read)) not in verdict.stayed_stale_after_done.longest:
        since_commit = 1000 * (read.asked_at - stages.committed[read.post].first_after(read.version))
        seen = read._asdict() | {"purged": purged[0], "purged_sequence": purged[1]}
        verdict.examples.append(seen | {"milliseconds_since_commit": round(since_commit, 1)})
    _note(verdict.stayed_stale, read, stages.committed)
    _note(verdict.stayed_stale_after_done, read, stages.done)


def _copy(read: Read) -> tuple[str, int, int]:
    return read.path, read.post, read.version


def _note(stays: Stays, read: Read, timelines: Mapping[int, Timeline]) -> float:
    """Milliseconds between the first newer version's reaching of a stage and the question."""
    age = 1000 * (read.asked_at - timelines[read.post].first_after(read.version))
    stays.add(read.tier, _copy(read), age)
    return age


def _timelines(writes: Sequence[Write], instants: Mapping[int, float | None]) -> dict[int, Timeline]:
    stages: dict[int, list[tuple[float, int, int]]] = {}
    for write in writes:
        instant = instants.get(id(write))
        if instant is not None:
            stages.setdefault(write.post, []).append((instant, write.version, write.sequence))
    return {post: Timeline(found) for post, found in stages.items()}
