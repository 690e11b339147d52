"""Statements that ask what time it is: their result changes without a write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Model

from invalidation.emission import registry

#: Of the databases that Django supports.
FUNCTION = re.compile(
    r"\b(?:CURRENT_(?:TIMESTAMP|DATE|TIME)|LOCALTIME(?:STAMP)?|SYSDATE|(?:STATEMENT|TRANSACTION|CLOCK)_TIMESTAMP\(|UTC_\w+\(|NOW\()"
    r"|'NOW'",
    re.IGNORECASE,
)
WHAT = "the clock"
DAY, SECOND = len("2026-01-01"), len("2026-01-01 00:00:00")


def named(sql: str, models: Iterable[type[Model]]) -> Iterator[str]:
    """The clock, where the database is asked for it, and no rule tells when a row changes by itself."""
    if FUNCTION.search(sql) and not any(map(registry.timed, models)):
        yield f"{WHAT} of the database"


def is_now(params: Any, begun_at: str) -> bool:
    """Is one of the values an instant between `begun_at` and now, or today? Whoever gave it has asked the clock."""
    if not isinstance(params, list | tuple):
        return False
    spelled = [text for param in params if (text := _spelled(param))]
    if not spelled:
        return False
    now = datetime.now(UTC)
    begun, ended, today = begun_at[:SECOND], str(now)[:SECOND], str(now.date())
    return any(text == today if len(text) == DAY else begun <= text[:SECOND] <= ended for text in spelled)


def _spelled(value: Any) -> str:
    """An instant or a day as SQLite is given it; "" for anything else."""
    if isinstance(value, datetime):
        return str(value.astimezone(UTC) if value.tzinfo else value)
    if isinstance(value, date):
        return str(value)
    is_text = isinstance(value, str) and len(value) >= DAY and value[4:5] == "-" and value[:4].isdigit()
    return value if is_text else ""


def spelled_now() -> str:
    """The present instant, for `is_now`."""
    return str(datetime.now(UTC))
