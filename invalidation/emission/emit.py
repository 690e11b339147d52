"""From targets to the outbox, past whatever context is in force: suspended, widened or collecting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from django.db import transaction

from invalidation import lazy
from invalidation.targets.values import Manner, Source, Targets, joined, union

#: A collection this large is written and begun anew, so that memory and rows stay small (about 150 KB of JSON)
#: whatever the size of the statement.
TARGETS_PER_EVENT = 5000
#: Imported by the first write: most processes start to read.
_note = lazy.call("invalidation.pipeline.outbox.note")


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

    using: str
    parts: list[Targets] = field(default_factory=list)
    manner: Manner | None = None
    size: int = 0
    because: str = ""
    """Of the first that had a cause to tell."""

    def add(self, targets: Targets, manner: Manner, because: str = "") -> None:
        """Keep for later, or write what has come together if it is much."""
        self.parts.append(targets)
        self.because = self.because or because
        self.manner = joined([self.manner, manner]) if self.manner else manner
        self.size += len(targets)
        if self.size >= TARGETS_PER_EVENT:
            self.parts = [union(self.parts)]
            self.size = len(self.parts[0])
        if self.size >= TARGETS_PER_EVENT:
            self.write()

    def write(self) -> None:
        """Emit what has come together as one event."""
        targets = union(self.parts)
        self.parts, self.size = [], 0
        _record(targets, self.using, self.manner or Manner(), self.because)


suspension: ContextVar[Suspension | None] = ContextVar("invalidation_suspension", default=None)
_collections: ContextVar[tuple[Collection, ...]] = ContextVar("invalidation_collections", default=())


def emit(targets: Targets, *, using: str, manner: Manner = Manner(), because: str = "") -> None:  # noqa: B008 (frozen)
    """Record `targets` as stale in the transaction of the database `using`; `because` is told to people alone."""
    if collection := _open_collection(using):
        collection.add(targets, manner, because)
    else:
        _record(targets, using, manner, because)


def _record(targets: Targets, using: str, manner: Manner, because: str) -> None:
    current = suspension.get()
    if current is not None and targets:
        current.suppressed += 1
        targets = Targets.of(tags=[current.tag] if current.tag else ())
    if targets:
        _note(targets, using=using, source=Source.SIGNAL, manner=manner, because=because)


def _open_collection(using: str) -> Collection | None:
    return next((known for known in _collections.get() if known.using == using), None)


@contextmanager
def collecting(using: str) -> Iterator[Collection]:
    """One event for all that is emitted inside, written in one transaction with it."""
    with transaction.atomic(using=using, savepoint=False):
        if outer := _open_collection(using):
            yield outer
            return
        collection = Collection(using)
        token = _collections.set((*_collections.get(), collection))
        try:
            yield collection
        finally:
            _collections.reset(token)
        collection.write()
