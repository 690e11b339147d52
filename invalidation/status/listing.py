"""Lists events, stored and asked for, the newest first, over every database with an outbox; their documents, too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections
from django.db.models import CharField, F, Q, QuerySet
from django.db.models.functions import Cast

from invalidation import conf
from invalidation.models import Batch, Delivery, Event, Verification
from invalidation.rows import batches, deliveries, events, instants, verifications
from invalidation.status import scheduled
from invalidation.status.documents import EventDocument, assembled

#: Whoever filters is shown what is found among so many rows: few columns have an index, and there may be millions.
FILTERED_ROWS = 50_000


class Place(NamedTuple):
    """A place in the list; what is behind it is older."""

    created_at: datetime
    uid: UUID


class Told(NamedTuple):
    """What the documents of some events are made of, by batch."""

    rebounds: Mapping[int, int | None]
    """From a batch to the one that purges it again."""

    deliveries: Mapping[int, Sequence[Delivery]]
    verifications: Mapping[int, Sequence[Verification]]


def page(chosen: Mapping[str, str], after: Place | None, limit: int) -> list[Event]:
    """At most `limit` events whose columns are as `chosen`, behind a place.

    What is scheduled is among them where somebody has asked for it, at the place of when he did.
    """
    found = [event for alias in conf.settings().databases for event in _of(alias, chosen, after, limit)]
    return sorted(found, key=place_of, reverse=True)[:limit]


def _of(alias: str, chosen: Mapping[str, str], after: Place | None, limit: int) -> Collection[Event]:
    """What is to come is read first, so that what is fired meanwhile is found twice, and told once."""
    found: dict[UUID, Event] = {}
    if chosen.get("status", scheduled.SCHEDULED) == scheduled.SCHEDULED:
        found |= {event.uid: event for event in _to_come(alias, chosen, after, limit)}
    if chosen.get("status") != scheduled.SCHEDULED:
        found |= {event.uid: event for event in _stored(alias, chosen, after)[:limit]}
    return found.values()


def place_of(event: Event) -> Place:
    """Where it is in the list."""
    return Place(event.created_at, event.uid)


def _stored(alias: str, chosen: Mapping[str, str], after: Place | None) -> QuerySet[Event]:
    rows = events.on(alias).filter(**chosen)
    if chosen:
        newest = events.on(alias).order_by("-id").values_list("id", flat=True).first() or 0
        rows = rows.filter(id__gt=newest - FILTERED_ROWS)
    return _behind(rows, alias, after)


def _to_come(alias: str, chosen: Mapping[str, str], after: Place | None, limit: int) -> Iterator[Event]:
    wanted = {name: value for name, value in chosen.items() if name != "status"}
    rows = _behind(instants.asked(alias).filter(**wanted), alias, after)
    return (scheduled.as_event(row, alias) for row in rows[:limit])


def _behind(rows: QuerySet[Any], alias: str, after: Place | None) -> QuerySet[Any]:
    rows = rows.annotate(ordinal=_ordinal(alias)).order_by("-created_at", "-ordinal")
    if after:
        older = Q(created_at__lt=after.created_at) | Q(ordinal__lt=after.uid)
        rows = rows.filter(older, created_at__lte=after.created_at)
    return rows


def _ordinal(alias: str) -> F | Cast:
    """By what events of one instant are told apart, in an order that all databases and Python share.

    MariaDB compares UUIDs from their end on (its manual, "UUID Data Type", "Sorting").
    """
    return Cast("uid", CharField(max_length=36)) if connections[alias].vendor == "mysql" else F("uid")


def documents_of(found: Sequence[Event]) -> Iterator[EventDocument]:
    """The document of each, with four queries for a database and one for each rebound of a rebound.

    A batch is read once, however many of the events were merged into it: it may have thousands of targets. And the
    documents are made one by one, for whoever stops when he has enough.
    """
    told = {alias: _told(alias, found) for alias in {event._state.db or "default" for event in found}}
    return (_document(event, told[event._state.db or "default"]) for event in found)


def _told(alias: str, found: Sequence[Event]) -> Told:
    here = [event for event in found if event.batch_id and (event._state.db or "default") == alias]
    known = batches.on(alias).in_bulk({event.batch_id for event in here})
    for event in here:
        event.batch = known.get(event.batch_id or 0)
    own = known.values()
    rebounds = _rebounds(alias, own)
    return Told(
        rebounds,
        _by_batch(deliveries.on(alias).filter(batch_id__in=rebounds).order_by("id")),
        _by_batch(verifications.of_batches(alias, {batch.pk for batch in own}).order_by("id")),
    )


def _rebounds(alias: str, own: Collection[Batch]) -> dict[int, int | None]:
    known = {batch.pk: batch.rebound_id for batch in own}
    while wanted := {key for key in known.values() if key} - known.keys():
        found = dict(batches.on(alias).filter(pk__in=wanted).values_list("pk", "rebound_id"))
        known |= dict.fromkeys(wanted) | found
    return known


def _by_batch(rows: QuerySet[Any]) -> dict[int, list[Any]]:
    grouped: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[row.batch_id].append(row)
    return grouped


def _document(event: Event, told: Told) -> EventDocument:
    own = [row for key in _chain(event.batch_id, told.rebounds) for row in told.deliveries.get(key, ())]
    verified = told.verifications.get(event.batch_id or 0, ())
    return assembled(event, sorted(own, key=lambda row: row.pk), verified)


def _chain(batch: int | None, rebounds: Mapping[int, int | None]) -> Iterator[int]:
    """A batch and those that purge it again."""
    seen: set[int] = set()
    while batch and batch not in seen:
        seen.add(batch)
        yield batch
        batch = rebounds.get(batch)
