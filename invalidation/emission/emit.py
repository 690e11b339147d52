"""From targets to the outbox, past whatever context is in force: suspended, widened or collecting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from django.db import transaction

from invalidation.pipeline import outbox
from invalidation.values import Lane, Targets


@dataclass(slots=True)
class Suspension:
    """What a `suspend` or `widen` block kept from being emitted one by one."""

    reason: str
    tag: str = ""
    """The one tag to emit instead; "" emits nothing."""
    suppressed: int = 0


@dataclass(slots=True)
class Collection:
    """Targets of one statement, to be emitted as one event."""

    targets: Targets = field(default_factory=Targets)
    lane: str = Lane.EDITORIAL


suspension: ContextVar[Suspension | None] = ContextVar("invalidation_suspension", default=None)
_collections: ContextVar[tuple[tuple[str, Collection], ...]] = ContextVar("invalidation_collections", default=())


def emit(targets: Targets, *, using: str, lane: str = Lane.EDITORIAL) -> None:
    """Record `targets` as stale in the transaction of the database `using`."""
    if not targets:
        return
    current = suspension.get()
    if current is not None:
        current.suppressed += 1
        if not current.tag:
            return
        targets = Targets.of(tags=[current.tag])
    if collection := dict(_collections.get()).get(using):
        collection.targets |= targets
        collection.lane = lane
        return
    outbox.record(targets, using=using, source="signal", lane=lane)


@contextmanager
def collecting(using: str) -> Iterator[Collection]:
    """One event for all that is emitted inside, written in one transaction with it."""
    collection = Collection()
    with transaction.atomic(using=using, savepoint=False):
        token = _collections.set((*_collections.get(), (using, collection)))
        try:
            yield collection
        finally:
            _collections.reset(token)
        emit(collection.targets, using=using, lane=collection.lane)
