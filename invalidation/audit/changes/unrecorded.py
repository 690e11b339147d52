"""Which changes no event tells of. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from invalidation.audit.facts import Change, Recorded, family
from invalidation.audit.findings import Finding, Kind
from invalidation.targets.values import Source

#: An event of another transaction tells of a change if it was stored so soon after it: a save in autocommit, a database
#: without an outbox. Whatever made it, the purge came after the change.
AFTERWARDS = timedelta(seconds=10)
#: Tags that a finding shows.
EXAMPLES = 3


def recorded(
    transaction: tuple[str, int], at: datetime, source: str, targets: Any, wanted: Collection[str]
) -> Recorded:
    """An event of which only the tags `wanted` are kept; what is no document names all there is."""
    if not isinstance(targets, dict) or not isinstance(named := targets.get("tags", []), list):
        return Recorded(transaction, at, everything=True)
    tags = {tag for tag in named if isinstance(tag, str)}
    rows = {tag for tag in tags if ":" in tag}
    alone = tags - rows - {family(tag) for tag in rows}
    # A write that is seen names its model and its rows; one that names a single tag was widened to it.
    widened = source == Source.SIGNAL and len(tags) == 1 and bool(alone) and set(targets) == {"tags"}
    kept = rows.intersection(wanted) | alone.intersection(map(family, wanted))
    return Recorded(transaction, at, frozenset(kept), bool(targets.get("everything")), widened)


@dataclass(slots=True)
class Group:
    """Statements of one kind that were not told of."""

    changes: list[Change] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


def judged(changes: Iterable[Change], events: Iterable[Recorded]) -> list[Finding]:
    """A finding for each query of a program with such changes."""
    by_transaction: dict[tuple[str, int], list[Recorded]] = defaultdict(list)
    by_tag: dict[str, list[datetime]] = defaultdict(list)
    known = list(changes)
    expected = {tag for change in known for tag in change.expected}
    for event in events:
        by_transaction[event.transaction].append(event)
        for tag in expected if event.everything else event.tags:
            by_tag[tag].append(event.at)
    groups: dict[tuple[str, ...], Group] = {}
    for change in known:
        told = by_transaction.get(change.transaction, [])
        if missing := sorted(tag for tag in change.expected if not _is_told(tag, change, told, by_tag)):
            group = groups.setdefault(
                (change.table, change.verb, change.query, change.application, change.role), Group()
            )
            group.changes.append(change)
            group.tags += missing[: EXAMPLES - len(group.tags)]
    return [_finding(group) for group in groups.values()]


def _is_told(tag: str, change: Change, told: Sequence[Recorded], by_tag: dict[str, list[datetime]]) -> bool:
    if any(event.is_widened or event.covers(tag) for event in told):
        return True
    latest = datetime.max.replace(tzinfo=change.at.tzinfo) if change.is_timed else change.at + AFTERWARDS
    return any(change.at <= at <= latest for name in (tag, family(tag)) for at in by_tag.get(name, ()))


def _finding(group: Group) -> Finding:
    first, last = group.changes[0], group.changes[-1]
    newest, oldest = max(first.at, last.at), min(first.at, last.at)
    who = first.application or first.role
    rows = sum(change.rows for change in group.changes)
    between = f"between {oldest.isoformat(timespec='seconds')} and {newest.isoformat(timespec='seconds')}"
    detail = f"{rows} rows {between}, such as {', '.join(dict.fromkeys(group.tags))}."
    blame = f"{first.query} (application {first.application!r}, role {first.role!r})"
    return Finding(Kind.UNRECORDED, f"{first.verb} {first.table} by {who}", blame, len(group.changes), detail)
