"""Compares what was committed with what each tier was asked to purge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from django.core.cache import cache
from django.db import connection

from invalidation.models import Delivery, Event, EventStatus
from invalidation.rows.states import DEAD_LETTERS
from tests.chaos.models import Change, Thing
from tests.chaos.recorder import PREFIX, Record
from tests.chaos.rules import change_tag, proof_key

CHANGE = f"tag {change_tag('')}"
KEYS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Committed:
    """One line of the ledger."""

    token: str
    kind: str
    committed_at: float
    """Seconds since 1970: PostgreSQL's own, elsewhere the moment just before."""
    tags: tuple[str, ...]
    urls: tuple[str, ...]

    def expected(self, *, by_tag: bool) -> Iterator[str]:
        """What a node must have been asked to purge after the commit; one that knows no tags has the URLs alone."""
        if by_tag:
            yield from (f"tag {tag}" for tag in self.tags)
        yield from (f"url {url}" for url in self.urls)


@dataclass(slots=True)
class Verdict:
    """What came of the comparison."""

    committed: int = 0
    expected: int = 0
    """Purges that had to happen: changes x nodes x targets."""
    lost: list[str] = field(default_factory=list)
    """Changes that some node was never asked to purge after their commit, in words."""
    lost_changes: Counter[str] = field(default_factory=Counter)
    """The same by kind of change, each counted once."""
    dead: int = 0
    """Changes missed by a node, but visible as a dead letter."""
    unwanted: list[str] = field(default_factory=list)
    """Purges of what only a rolled-back transaction had changed."""
    duplicates: int = 0
    """Purges of a change at a node beyond the first."""
    purges: int = 0
    """Tags and URLs that the nodes were asked to purge, all together."""
    keys_left: list[str] = field(default_factory=list)
    """Cache keys of committed changes that are still there."""
    stale_pages: list[str] = field(default_factory=list)


def ledger() -> list[Committed]:
    """Every committed change, whatever its writer knew of it when it died."""
    if connection.vendor != "postgresql":
        return [_committed(row, row.written_at) for row in Change.objects.order_by("pk")]
    table = Change._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM {table}")
        times = {pk: float(at) for pk, at in cursor.fetchall()}
    return [_committed(row, times[row.pk]) for row in Change.objects.order_by("pk")]


def _committed(row: Change, committed_at: float) -> Committed:
    return Committed(row.token, row.kind, committed_at, tuple(row.tags), tuple(row.urls))


def judge(changes: Iterable[Committed], records: Mapping[tuple[str, str], Record]) -> Verdict:
    """`records` are by tier and node."""
    verdict = Verdict()
    every = list(changes)
    excused = dead_letters()
    verdict.committed = len(every)
    for place, record in records.items():
        verdict.purges += sum(record.times.values())
        _compare(every, place, record, excused.get(place, frozenset()), verdict)
        _look_for_unwanted({change.token for change in every}, place, record, verdict)
    lost = {line.split(" ", 1)[0] for line in verdict.lost}
    verdict.lost_changes.update(change.kind for change in every if change.token in lost)
    verdict.keys_left = keys_left(every)
    return verdict


def _compare(
    changes: Iterable[Committed], place: tuple[str, str], record: Record, excused: frozenset[str], verdict: Verdict
) -> None:
    by_tag = place[0] == "shield"
    for change in changes:
        expected = list(change.expected(by_tag=by_tag))
        verdict.expected += len(expected)
        verdict.duplicates += max(0, record.times.get(CHANGE + change.token, 0) - 1)
        missing = [what for what in expected if not record.covers(what, change.committed_at)]
        if missing and change.token in excused:
            verdict.dead += 1
        elif missing:
            verdict.lost.append(
                f"{change.token} ({change.kind}, committed {change.committed_at:.3f}) {place} {missing}"
            )


def _look_for_unwanted(tokens: set[str], place: tuple[str, str], record: Record, verdict: Verdict) -> None:
    """Tags and slugs that no committed change has named."""
    for what in record.times:
        token = named(what)
        if token and token not in tokens and not token.startswith("first-"):
            verdict.unwanted.append(f"{what} at {place}")


def named(what: str) -> str:
    """The change whose mark, or whose slug, a purge is of; empty for what many changes share."""
    if what.startswith(PREFIX):
        return ""
    if "/things/" in what:
        return what.rstrip("/").rpartition("/")[2].partition(".")[0]
    return what.removeprefix(CHANGE) if what.startswith(CHANGE) else ""


def dead_letters() -> dict[tuple[str, str], frozenset[str]]:
    """By tier and node: tokens of the changes whose delivery ended as a dead letter there."""
    found: dict[tuple[str, str], set[str]] = {}
    dead = Event.objects.filter(status=EventStatus.DEAD)
    tokens: dict[int | None, set[str]] = {}
    for event in dead:
        marks = {tag.partition(":")[2] for tag in event.targets.get("tags", ()) if tag.startswith("change:")}
        tokens.setdefault(event.batch_id, set()).update(marks)
    for delivery in Delivery.objects.filter(status__in=DEAD_LETTERS, batch_id__in=list(filter(None, tokens))):
        found.setdefault((delivery.tier, delivery.node), set()).update(tokens[delivery.batch_id])
    return {place: frozenset(marks) for place, marks in found.items()}


def keys_left(changes: Iterable[Committed]) -> list[str]:
    """Cache keys that a committed change should have removed from Redis."""
    keys = [proof_key(change.token) for change in changes]
    parts = [keys[start : start + KEYS_AT_ONCE] for start in range(0, len(keys), KEYS_AT_ONCE)]
    return [key for part in parts for key in cache.get_many(part)]


def pages() -> dict[str, str]:
    """By address: what the page of each hot thing has to show."""
    return {thing.get_absolute_url(): thing.version for thing in Thing.objects.filter(hot=True)}
