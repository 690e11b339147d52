"""Sees every statement that Django sends while somebody collects: those of the ORM with their query, others by name.

Importing this module replaces `SQLCompiler.execute_sql` and the rendering of `{% cache %}`, once for the process, and
looks at each connection; a site without automatic tags never does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.constants import MULTI, SINGLE
from django.templatetags.cache import CacheNode

from invalidation.conf.changes import when_changed
from invalidation.tracking import collector, statements, tables
from invalidation.tracking.collector import Origin, Readings
from invalidation.tracking.outcome import UNSEEN_APPS

#: Attribute of a connection: the statement of the ORM that is under way.
ASKED = "_invalidation_asked"
#: Kinds of compilers whose statements only read.
READING = ("SQLCompiler", "SQLAggregateCompiler")
READS = re.compile(
    r"(?:[\s(]|--[^\n]*\n|/\*.*?\*/)*(?:SELECT|WITH|VALUES|TABLE|CALL|EXEC|EXECUTE|COPY|FETCH|SHOW)\b",
    re.IGNORECASE | re.DOTALL,
)
#: What Django asks of a connection for itself.
OWN = re.compile(r"\s*SELECT\s+(?:1\s*$|VERSION\(\)|@@)", re.IGNORECASE)
DATABASE_CACHE = "django.core.cache.backends.db.DatabaseCache"


@dataclass(slots=True)
class Asked:
    """What was sent for one call of the ORM."""

    sql: str = ""
    params: Any = None


def _collecting(execute: Callable[..., Any]) -> Callable[..., Any]:
    """Of `SQLCompiler.execute_sql`."""

    @wraps(execute)
    def execute_sql(self: SQLCompiler, *args: Any, **kwargs: Any) -> Any:
        readings = collector.current()
        if readings is None or self.query.compiler not in READING:
            return execute(self, *args, **kwargs)
        watch(self.connection)
        attributes, asked = self.connection.__dict__, Asked()
        outer, attributes[ASKED] = attributes.get(ASKED), asked
        try:
            found = execute(self, *args, **kwargs)
        finally:
            attributes[ASKED] = outer
        kind = args[0] if args else kwargs.get("result_type", MULTI)
        return _noted(readings, self, asked, found, kind) if asked.sql or _is_kept(self, asked) else found

    return execute_sql


def _is_kept(compiler: SQLCompiler, asked: Asked) -> bool:
    """Has somebody kept the result, so that nothing was sent? Else no row could match, and nothing was read."""
    try:
        asked.sql, asked.params = compiler.as_sql()
    except EmptyResultSet:
        return False
    return bool(asked.sql)


def _noted(readings: Readings, compiler: SQLCompiler, asked: Asked, found: Any, kind: Any) -> Any:
    """The result as it is, once what it depends on is noted; of one that comes in portions each when it comes."""
    if kind == MULTI and not isinstance(found, list):
        return _followed(readings, statements.note(readings, compiler, asked.sql, asked.params, None), found)
    portions = found if kind == MULTI else [[found]] if kind == SINGLE and found else []
    statements.note(readings, compiler, asked.sql, asked.params, portions)
    return found


def _followed(readings: Readings, note: Callable[[Any], None], portions: Iterator[Any]) -> Iterator[Any]:
    for portion in portions:
        note([portion])
        yield portion


def _naming(render: Callable[..., Any]) -> Callable[..., Any]:
    """Of `{% cache %}`: what is in the fragment was read for another page, and no tag ends it."""

    @wraps(render)
    def named(self: CacheNode, context: Any) -> Any:
        readings = collector.current()
        if readings is not None:
            readings.name([f"the fragment {self.fragment_name!r} of {{% cache %}}"])
        return render(self, context)

    return named


def watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """See every statement on this connection."""
    if _see not in connection.execute_wrappers:
        connection.execute_wrappers.append(_see)


def _see(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    readings = collector.current()
    if readings is not None:
        asked = context["connection"].__dict__.get(ASKED)
        if asked is not None:
            asked.sql, asked.params = str(sql), params
        elif _reads(str(sql)):
            _name_raw(readings, str(sql))
    return execute(sql, params, many, context)


def _name_raw(readings: Readings, sql: str) -> None:
    """It depends on the tables that it names, and on who knows what else: views, functions."""
    models = tables.named(sql)
    if models and all(model._meta.app_label in UNSEEN_APPS for model in models):
        return
    readings.lists |= models
    over = ", ".join(sorted(model._meta.label for model in models)) or "no table of a model"
    readings.name([f"raw SQL over {over}"])
    readings.explain(Origin(f"raw SQL: {sql}", lists=tuple(models)))


def _reads(sql: str) -> bool:
    """May a page show what it gives? Not what Django asks for itself, or of its cache in the database."""
    return bool(READS.match(sql)) and not OWN.match(sql) and not _of_caches().search(sql)


@cache
def _of_caches() -> re.Pattern[str]:
    """Finds the table of a cache in the database; nothing, where there is none."""
    names = [str(one["LOCATION"]) for one in settings.CACHES.values() if one["BACKEND"] == DATABASE_CACHE]
    return re.compile(rf"\bFROM\s+[`\"]?(?:{'|'.join(map(re.escape, names))})[`\"]?(?!\w)" if names else r"(?!)")


@when_changed("CACHES")
def _forget() -> None:
    _of_caches.cache_clear()


def install() -> None:
    """Look at the connections of this thread too; harmless to repeat."""
    for connection in connections.all(initialized_only=True):
        watch(connection)


CacheNode.render = _naming(CacheNode.render)  # type: ignore[method-assign]
SQLCompiler.execute_sql = _collecting(SQLCompiler.execute_sql)  # type: ignore[method-assign]
connection_created.connect(watch, dispatch_uid="invalidation.tracking.hooks.watch")
