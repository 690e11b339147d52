"""Events that can't be read end alone, as dead letters with the reason, and come back when a person asks for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from django.db.models import QuerySet
from django.utils import timezone

from invalidation import lazy
from invalidation.exceptions import InvalidTarget
from invalidation.models import Delivery
from invalidation.rows import batches, deliveries, events
from invalidation.rows.pending import Pending
from invalidation.targets.values import Lane, Targets

logger = lazy.Logger(__name__)

#: Stands where a dead letter of a cache names its tier: what failed is the reading of the outbox.
OUTBOX = "outbox"
#: The same pages are saved again and again: what the newest of their events say is not read twice. A few megabytes.
REMEMBERED, REMEMBERED_CHARACTERS = 4096, 512


def buried(database: str, pending: Sequence[Pending]) -> list[tuple[Pending, Targets]]:
    """Those that can be read, with what they say; each of the others is made a dead letter.

    What many events say alike is read once, and is one object.
    """
    texts = {text: _remembered(text) for text in dict.fromkeys(event.targets for event in pending)}
    read = []
    for event in pending:
        if isinstance(said := texts[event.targets], Targets):
            read.append((event, said))
        else:
            _bury(database, event, said)
    return read


def _remembered(text: str) -> Targets | str:
    return _read_once(text) if len(text) <= REMEMBERED_CHARACTERS else _read(text)


def _read(text: str) -> Targets | str:
    """What an event says, or why it can't be read."""
    try:
        return Targets.from_document(json.loads(text))
    except (InvalidTarget, ValueError) as error:
        return str(error)


_read_once = lru_cache(maxsize=REMEMBERED)(_read)


def _bury(database: str, event: Pending, reason: str) -> None:
    logger.error("event_unreadable", database=database, pk=event.pk, error=reason)
    now = timezone.now()
    lane = event.lane if event.lane in Lane.values else Lane.EDITORIAL
    batch = batches.bury(database, lane=lane, correlation_id=event.correlation_id, now=now)
    deliveries.bury(database, batch, tier=OUTBOX, error=f"The event can't be read: {reason}", now=now)
    events.bury(database, event.pk, batch)


def returned(letters: QuerySet[Delivery]) -> int:
    """Let the events behind these dead letters be read again, for the row or the program may have been mended."""
    database = letters.db
    buried_in = list(letters.filter(tier=OUTBOX).values_list("batch_id", flat=True))
    count = events.unbury(database, buried_in)
    batches.remove(database, buried_in)
    return count
