"""Cached querysets: the tagged cache with keys and tags that come from the query itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, Self, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import EmptyResultSet
from django.db import models

from invalidation.caching import tagged, transactions
from invalidation.caching.querysets import dependencies, fingerprint
from invalidation.caching.values import reads
from invalidation.managers import InvalidatingManager, InvalidatingQuerySet

ModelType = TypeVar("ModelType", bound=models.Model)
#: Lifetime of a result where the caller names none, in seconds. An invalidation ends it earlier.
RESULT_SECONDS = 300
UNCACHED = -1.0


def cache_queryset(
    queryset: models.QuerySet[Any, Any],
    timeout: float | None = RESULT_SECONDS,
    key: str | None = None,
    *,
    tags: Iterable[str] = (),
) -> list[Any]:
    """The rows, prefetched ones included, from the cache where they are there; an empty list is a result too.

    Stale as soon as anything is invalidated under the tag of a model that the query reads, hence by the rules of
    that model: a field that they ignore, or a row that is not public by their `when`, makes nothing stale.

    Raises:
        ImproperlyConfigured: the query reads a model that isn't registered, and no `tags` are named for it.
    """
    rows: list[Any] = _cached(queryset, "list", lambda: _rows(queryset), timeout, key=key, tags=tags)
    return rows


def _rows(queryset: models.QuerySet[Any, Any]) -> list[Any]:
    """From the database, whatever the queryset knows already."""
    plain = queryset.all()
    if isinstance(plain, CachedQuerySet):
        plain.timeout = UNCACHED
    return list(plain)


def _cached(
    queryset: models.QuerySet[Any, Any],
    kind: str,
    ask: Callable[[], Any],
    timeout: float | None,
    *,
    key: str | None = None,
    tags: Iterable[str],
) -> Any:
    if queryset.query.select_for_update:
        return ask()
    if transactions.any_dirty():
        reads.spoil()
        return ask()
    try:
        sql, params = fingerprint.statement(queryset)
    except EmptyResultSet:
        return ask()  # Django answers it without the database
    named = tuple(tags)
    all_tags = dependencies.tags_of(dependencies.models_read(queryset, sql), named=bool(named)).union(named)
    key = key or fingerprint.key_of(queryset, kind, sql, params)
    # A relation manager puts its own object, which was read before, into each row.
    reads_all = not queryset._known_related_objects  # type: ignore[attr-defined]
    return tagged.get_or_set(key, ask, timeout, tags=all_tags, reads_all=reads_all, by_hand=named)


class CachedQuerySet(InvalidatingQuerySet[ModelType], Generic[ModelType]):
    """A queryset whose results may come from the cache: those behind `cached()`, however it is refined after it.

    `iterator()` and `aggregate()` always ask the database.
    """

    timeout: float | None = UNCACHED
    """Lifetime in seconds of a result, None for no end; negative where nothing is cached."""

    tags: tuple[str, ...] = ()

    def cached(self, timeout: float | None = RESULT_SECONDS, *, tags: Iterable[str] = ()) -> Self:
        """This queryset, answered from the cache; `tags` as in `cache_queryset`."""
        clone = self._chain()  # type: ignore[attr-defined]
        clone.timeout, clone.tags = timeout, (*self.tags, *tags)
        return clone  # type: ignore[no-any-return]

    def cached_filter(self, *conditions: Any, **lookups: Any) -> Self:
        """`filter()`, cached."""
        return self.filter(*conditions, **lookups)._made_cached()

    def cached_get(self, *conditions: Any, **lookups: Any) -> ModelType:
        """`get()`, cached; that there is no such row is cached too."""
        return self._made_cached().get(*conditions, **lookups)

    def cached_count(self) -> int:
        """`count()`, cached."""
        return self._made_cached().count()

    def cached_exists(self) -> bool:
        """`exists()`, cached."""
        return self._made_cached().exists()

    async def acached_get(self, *conditions: Any, **lookups: Any) -> ModelType:
        """As `cached_get`."""
        return await sync_to_async(self.cached_get)(*conditions, **lookups)

    async def acached_count(self) -> int:
        """As `cached_count`."""
        return await sync_to_async(self.cached_count)()

    async def acached_exists(self) -> bool:
        """As `cached_exists`."""
        return await sync_to_async(self.cached_exists)()

    def count(self) -> int:
        """As Django's."""
        return int(self._asked("count", super().count))

    def exists(self) -> bool:
        """As Django's."""
        return bool(self._asked("exists", super().exists))

    @property
    def _is_cached(self) -> bool:
        return self.timeout is None or self.timeout >= 0

    def _made_cached(self) -> Self:
        return self if self._is_cached else self.cached()

    def _asked(self, kind: str, ask: Callable[[], Any]) -> Any:
        if self._result_cache is not None or not self._is_cached:
            return ask()
        return _cached(self, kind, ask, self.timeout, tags=self.tags)

    def _fetch_all(self) -> None:
        if self._result_cache is None and self._is_cached and not self._for_write:
            self._result_cache = cache_queryset(self, self.timeout, tags=self.tags)
            self._prefetch_done = True
        super()._fetch_all()

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]
        clone.timeout, clone.tags = self.timeout, self.tags
        return clone


class CachedManager(InvalidatingManager.from_queryset(CachedQuerySet), Generic[ModelType]):  # type: ignore[misc]
    """`objects = CachedManager()`: cached reads where they are asked for, and bulk writes that invalidate."""
