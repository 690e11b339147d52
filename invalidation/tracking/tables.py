"""Which models a statement names: by the tables in its text. One too many does no harm."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from django.apps import apps
from django.db.models import Model

from invalidation.conf.changes import when_changed

#: Words of a statement that may be tables: columns stand behind the dot of theirs.
WORD = re.compile(r"(?<!\.)(?<!\.[\"`\[])\b\w+\b")


@cache
def by_table() -> dict[str, type[Model]]:
    """Every concrete model, by its table."""
    models = apps.get_models(include_auto_created=True)
    return {model._meta.db_table.strip('"'): model for model in models if not model._meta.proxy}


@lru_cache(maxsize=2048)
def named(sql: str) -> frozenset[type[Model]]:
    """Models whose tables the statement reads; values are no part of it, so a site has not many of them."""
    tables = by_table()
    words = tables.keys() & WORD.findall(sql)
    return frozenset(tables[name] for name in words.union(name for name in _odd_names() if name in sql))


@cache
def _odd_names() -> tuple[str, ...]:
    """Of tables whose names are no single word: those in another schema."""
    return tuple(name for name in by_table() if not WORD.fullmatch(name))


@when_changed("INSTALLED_APPS")
def _forget() -> None:
    by_table.cache_clear()
    _odd_names.cache_clear()
    named.cache_clear()
