"""Which reads may meet the shared cache: none inside a transaction that has written what others must not see yet."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import Atomic

from invalidation.conf.changes import when_changed
from invalidation.pipeline import outbox

#: Attribute of a connection: weak reference to the first write of its open transaction.
WRITTEN = "_invalidation_written"
WRITES = re.compile(
    r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|MERGE|TRUNCATE|COPY|CALL|DO)\b|\s*WITH\b.*\b(?:INSERT|UPDATE|DELETE|MERGE)\b",
    re.IGNORECASE | re.DOTALL,
)

#: Fills its table in the transaction of whoever asks it for a value.
DATABASE_CACHE = "django.core.cache.backends.db.DatabaseCache"


class Write:
    """An on-commit hook that does nothing: Django drops it when the transaction, or its savepoint, ends."""

    __slots__ = ("__weakref__", "block")
    __qualname__ = "invalidation.Write"

    def __init__(self, block: Atomic) -> None:
        self.block = block

    def __call__(self) -> None:
        """Nothing is left to do: that this object lived is what counted."""


def watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """A connection was opened: see every statement on it."""
    if _note not in connection.execute_wrappers:
        connection.execute_wrappers.append(_note)


def _note(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    connection = context["connection"]
    block = _outermost(connection)
    if block is not None and _writes(str(sql)) and not _has_written(connection, block):
        write = Write(block)
        connection.on_commit(write)
        setattr(connection, WRITTEN, weakref.ref(write))
    return execute(sql, params, many, context)


def _writes(sql: str) -> bool:
    """Does the statement change what a cached value may show? A cache's own table holds nothing of that kind."""
    if not WRITES.match(sql):
        return False
    own = _writes_to_caches()
    return own is None or not own.match(sql)


@cache
def _writes_to_caches() -> re.Pattern[str] | None:
    tables = [str(one["LOCATION"]) for one in settings.CACHES.values() if one["BACKEND"] == DATABASE_CACHE]
    names = "|".join(map(re.escape, tables))
    return re.compile(rf"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+[`\"]?(?:{names})[`\"]?\s") if tables else None


@when_changed("CACHES")
def _forget() -> None:
    _writes_to_caches.cache_clear()


def _outermost(connection: BaseDatabaseWrapper) -> Atomic | None:
    """The transaction of the application; the one that Django's TestCase puts around a test is none."""
    blocks: list[Any] = connection.atomic_blocks
    if not blocks:
        return None
    return next((block for block in blocks if not block._from_testcase), None)


def _has_written(connection: BaseDatabaseWrapper, block: Atomic) -> bool:
    reference = getattr(connection, WRITTEN, None)
    write = reference() if reference else None
    return write is not None and write.block is block


def is_dirty(connection: BaseDatabaseWrapper) -> bool:
    """Has the open transaction of this connection written, or one whose caches were not told of its commit yet?

    Where Django doesn't manage transactions: yes.
    """
    block = _outermost(connection)
    if block is None:
        if outbox.is_owed(connection):
            return True
        return connection.connection is not None and not (connection.autocommit or connection.in_atomic_block)
    return _has_written(connection, block)


def any_dirty() -> bool:
    """Has any open transaction of this thread written?"""
    return any(is_dirty(connection) for connection in connections.all(initialized_only=True))


def all_see_commits() -> bool:
    """Is what this thread reads from any database now as new as every invalidation that came before?"""
    return all(sees_commits(connection) for connection in connections.all(initialized_only=True))


def sees_commits(connection: BaseDatabaseWrapper) -> bool:
    """Is what a query reads now as new as every invalidation that came before?

    Not in a transaction on a snapshot: the tags' versions may be newer than its rows, and a value stored with them
    would stay wrong. SQLite's IMMEDIATE transactions exclude other writers, which is as good.
    """
    if _outermost(connection) is None:
        return True
    options: dict[str, Any] = connection.settings_dict.get("OPTIONS", {})
    if connection.vendor == "postgresql":
        level = options.get("isolation_level")
        return level is None or getattr(level, "name", level) in ("READ_COMMITTED", 2)
    if connection.vendor == "sqlite":
        return str(options.get("transaction_mode", "")).upper() in ("IMMEDIATE", "EXCLUSIVE")
    return str(options.get("isolation_level", "")).lower() == "read committed"
