"""The tagged cache for async code: the same calls, each in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.core.cache.backends.base import DEFAULT_TIMEOUT

from invalidation.caching.values.entry import Stamps

Tags = str | Iterable[str]


class AsyncForms:
    """What they call, the tagged cache defines."""

    if TYPE_CHECKING:
        get: Callable[..., Any]
        get_many: Callable[..., dict[str, Any]]
        get_or_set: Callable[..., Any]
        set: Callable[..., bool]
        invalidate: Callable[..., None]

    async def aget(self, key: str, default: Any = None, *, tags: Tags = ()) -> Any:
        """As `get`."""
        return await sync_to_async(self.get)(key, default, tags=tags)

    async def aget_many(self, keys: Iterable[str], *, tags: Tags = ()) -> dict[str, Any]:
        """As `get_many`."""
        return await sync_to_async(self.get_many)(keys, tags=tags)

    async def aget_or_set(
        self,
        key: str,
        compute: Callable[[], Any],
        timeout: Any = DEFAULT_TIMEOUT,  # noqa: ASYNC109 (a lifetime, not a wait)
        *,
        tags: Tags = (),
    ) -> Any:
        """As `get_or_set`; `compute` may be a coroutine function."""
        plain = async_to_sync(compute) if iscoroutinefunction(compute) else compute
        return await sync_to_async(self.get_or_set)(key, plain, timeout, tags=tags)

    async def aset(
        self,
        key: str,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,  # noqa: ASYNC109 (a lifetime, not a wait)
        *,
        tags: Tags = (),
        stamps: Stamps | None = None,
    ) -> bool:
        """As `set`."""
        return await sync_to_async(self.set)(key, value, timeout, tags=tags, stamps=stamps)

    async def ainvalidate(self, *tags: Tags) -> None:
        """As `invalidate`."""
        await sync_to_async(self.invalidate)(*tags)
