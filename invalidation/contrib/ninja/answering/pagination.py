"""Pages of a list: a cursor is the place of the last purge of a page, so that none is missed or told twice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from invalidation.models import Event
from invalidation.status.documents import EventDocument
from invalidation.status.listing import Place

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Microseconds since 1970, up to the year 4253.
INSTANT_DIGITS = 14
#: Of one answer.
MOST_CHARACTERS = 2_000_000


def cursor(event: Event) -> str:
    """The place behind an event."""
    microseconds = (event.created_at - EPOCH) // timedelta(microseconds=1)
    return f"{microseconds:0{INSTANT_DIGITS}x}{event.uid.hex}"


def filled(events: Sequence[Event], documents: Iterable[EventDocument]) -> tuple[list[Event], str]:
    """As many as one answer has room for, one at least, and their JSON: a purge may name thousands of targets."""
    texts: list[str] = []
    for document in documents:
        text = json.dumps(document, ensure_ascii=False)
        if texts and sum(map(len, texts)) + len(text) > MOST_CHARACTERS:
            break
        texts.append(text)
    return [*events[: len(texts)]], f"[{', '.join(texts)}]"


def place(cursor: str) -> Place:
    """The place that a cursor of 46 digits names, whoever made it up: it opens nothing."""
    instant = EPOCH + timedelta(microseconds=int(cursor[:INSTANT_DIGITS], 16))
    return Place(instant, UUID(cursor[INSTANT_DIGITS:]))
