"""The tagged cache: values stamped with the versions that their tags had before the values were computed.

An invalidation deletes a tag's version, in the provider of the cache tier. A missing version equals none, so that a
value which was computed from older data is never used, whenever it is stored; and so that losing a version, as an
evicting cache may, costs a computation and nothing else.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.core.cache import BaseCache, caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.db import connections, transaction

from invalidation.caching import transactions
from invalidation.caching.entry import SPARE_SECONDS, Entry, Stamps, expiry
from invalidation.providers.redis import TAG_VERSION_KEY
from invalidation.values import checked_tag

#: Version of the alias under which values and tag versions are stored, whatever its own default: one call reads both.
VERSION: Final = 1
#: A tag's version that nobody asked for is forgotten after this long, and with it the values that it vouches for.
VERSION_SECONDS: Final = 30 * 86_400
#: A number, which most backends keep as it is, where text would be serialized and compressed; positive in 64 bits.
VERSION_BITS: Final = 63
CLAIM_KEY_PREFIX: Final = "invalidation:computing:"
#: A reader that computes for longer is no longer waited for.
CLAIM_SECONDS: Final = 10
#: How long the others wait for it before they compute for themselves; between two looks, at first and at most.
PATIENCE_SECONDS: Final = 5.0
FIRST_LOOK_SECONDS: Final = 0.001
LOOK_SECONDS: Final = 0.01


class Absent:
    """The type of ABSENT."""

    def __repr__(self) -> str:
        return "ABSENT"


#: Stands for "not in the cache", where None may be a value.
ABSENT: Final = Absent()
Tags = str | Iterable[str]
Value = TypeVar("Value")


def names(tags: Tags) -> tuple[str, ...]:
    """Tags, given as a list or as words in a string: checked, sorted, each once.

    Raises:
        InvalidTarget: one of them is not a tag.
    """
    return _checked(tags if isinstance(tags, str) else tuple(map(str, tags)))


@lru_cache(maxsize=4096)
def _checked(tags: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({checked_tag(tag) for tag in (tags.split() if isinstance(tags, str) else tags)}))


def claim_key(key: str) -> str:
    """Held by the reader that computes the value of `key`. A digest, because Memcached's keys are short."""
    return CLAIM_KEY_PREFIX + hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Look:
    """What one round trip showed of a key."""

    entry: Entry | None
    versions: Stamps
    is_claimed: bool = False

    def value(self, tags: Collection[str], *, expired: bool = False) -> Any:
        """The value, or ABSENT where it may not be used; with `expired` also one past its time."""
        if self.entry is None or not self.entry.is_current(tags, self.versions):
            return ABSENT
        return ABSENT if self.entry.is_expired(time.time()) and not expired else self.entry.value


class TaggedCache:
    """A Django cache of any backend, by tags. Inside a transaction that has written it is neither read nor filled."""

    def __init__(self, alias: str = "default") -> None:
        self.alias = alias

    @property
    def _cache(self) -> BaseCache:
        return caches[self.alias]

    def get(self, key: str, default: Any = None, *, tags: Tags = ()) -> Any:
        """The value, or `default` where there is none. One round trip where `tags` names those it was set with."""
        found = self.get_many([key], tags=tags)
        return found.get(key, default)

    def get_many(self, keys: Iterable[str], *, tags: Tags = ()) -> dict[str, Any]:
        """Those of the keys that have a value. One round trip where `tags` names every tag they were set with."""
        wanted, tagged = tuple(keys), names(tags)
        if not wanted or transactions.any_dirty():
            return {}
        stored, versions = self._read(wanted, tagged)
        entries = {key: entry for key in wanted if (entry := Entry.of(stored.get(key)))}
        versions = {**versions, **self._versions({tag for e in entries.values() for tag in e.stamps} - set(tagged))}
        found = {key: Look(entry, versions).value(tagged) for key, entry in entries.items()}
        return {key: value for key, value in found.items() if value is not ABSENT}

    def get_or_set(
        self, key: str, compute: Callable[[], Value], timeout: Any = DEFAULT_TIMEOUT, *, tags: Tags = ()
    ) -> Value:
        """The value, computed where there is none. One reader computes; the others wait for it, within a bound.

        Until then they get the expired value, where there is one; never one that was invalidated. `timeout` is in
        seconds, None for never. One round trip where the value is there.

        Raises:
            InvalidTarget: one of `tags` is not a tag.
        """
        tagged = names(tags)
        if transactions.any_dirty():
            return compute()
        value = self._look(key, tagged).value(tagged)
        if value is not ABSENT:
            return value  # type: ignore[no-any-return]
        return self._computed(key, compute, timeout, tagged) if transactions.all_see_commits() else compute()

    def look(self, key: str, *, tags: Tags) -> tuple[Any, Stamps]:
        """The value or ABSENT, and the stamps for a new one. One round trip where every tag has a version."""
        tagged = names(tags)
        if transactions.any_dirty():
            return ABSENT, {}
        seen = self._look(key, tagged)
        return seen.value(tagged), self._created(tagged, seen.versions)

    def set(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, *, tags: Tags = (), stamps: Stamps | None = None
    ) -> bool:
        """Store a value; tells whether it was.

        A value that was read from a database needs `stamps`, taken by `stamps()` before it was read: otherwise an
        invalidation in between is overlooked. `get_or_set` does that by itself.
        """
        if transactions.any_dirty():
            return False
        return self._store(key, value, timeout, names(tags), self.stamps(tags) if stamps is None else stamps)

    def stamps(self, tags: Tags) -> Stamps:
        """The present versions of the tags, to be taken before a value is computed."""
        wanted = names(tags)
        return self._created(wanted, self._versions(wanted))

    def invalidate(self, *tags: Tags) -> None:
        """Make every value with one of these tags stale, in this cache alone; once more when open transactions commit.

        `invalidation.invalidate(tags=…)` reaches every tier, and never forgets.
        """
        keys = [TAG_VERSION_KEY + tag for given in tags for tag in names(given)]
        self._delete(keys)
        for connection in connections.all(initialized_only=True):
            if connection.in_atomic_block:
                transaction.on_commit(lambda: self._delete(keys), using=connection.alias)

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

    def _read(self, keys: tuple[str, ...], tags: tuple[str, ...]) -> tuple[dict[str, Any], Stamps]:
        """What is stored under the keys, and the versions of the tags, in one round trip."""
        version_keys = [TAG_VERSION_KEY + tag for tag in tags]
        found = self._cache.get_many((*keys, *version_keys), version=VERSION)
        return found, {tag: found[key] for tag, key in zip(tags, version_keys, strict=True) if key in found}

    def _versions(self, tags: Iterable[str]) -> Stamps:
        wanted = tuple(tags)
        return self._read((), wanted)[1] if wanted else {}

    def _look(self, key: str, tags: tuple[str, ...], *, claims: bool = False) -> Look:
        claim = claim_key(key) if claims else ""
        found, versions = self._read((key, claim) if claim else (key,), tags)
        return Look(Entry.of(found.get(key)), versions, claim in found)

    def _created(self, tags: Iterable[str], versions: Stamps) -> Stamps:
        """Give every tag without a version a new one; where another process was faster, its version counts."""
        known = dict(versions)
        for tag in set(tags) - set(known):
            version = secrets.randbits(VERSION_BITS)
            if self._cache.add(TAG_VERSION_KEY + tag, version, VERSION_SECONDS, version=VERSION):
                known[tag] = version
        return {**self._versions(set(tags) - set(known)), **known}

    def _computed(self, key: str, compute: Callable[[], Value], timeout: Any, tags: tuple[str, ...]) -> Value:
        for look in self._turns(key, tags):
            if look is None:
                return self._filled(key, compute, timeout, tags)
            value = look.value(tags, expired=True)
            if value is not ABSENT:
                return value  # type: ignore[no-any-return]
        return compute()

    def _turns(self, key: str, tags: tuple[str, ...]) -> Iterator[Look | None]:
        """None once it is this reader's turn to compute; before, what is seen while another one does.

        Ends when patience does, or when nobody computes and yet no claim succeeds: then the cache is away.
        """
        deadline, unclaimed, pause_seconds = time.monotonic() + PATIENCE_SECONDS, 0, FIRST_LOOK_SECONDS
        while time.monotonic() < deadline and unclaimed < 2:  # noqa: PLR2004 (once may be a claim that has just ended)
            if self._cache.add(claim_key(key), True, CLAIM_SECONDS, version=VERSION):
                yield None
                return
            look = self._look(key, tags, claims=True)
            yield look
            unclaimed = 0 if look.is_claimed else unclaimed + 1
            time.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, LOOK_SECONDS)

    def _filled(self, key: str, compute: Callable[[], Value], timeout: Any, tags: tuple[str, ...]) -> Value:
        try:
            look = self._look(key, tags)
            value = look.value(tags)
            if value is ABSENT:
                stamps = self._created(tags, look.versions)
                value = compute()
                self._store(key, value, timeout, tags, stamps)
            return value  # type: ignore[no-any-return]
        finally:
            self._delete([claim_key(key)])

    def _store(self, key: str, value: Any, timeout: Any, tags: tuple[str, ...], stamps: Stamps) -> bool:
        """A value that lacks a stamp could never be used."""
        if not set(tags) <= set(stamps):
            return False
        seconds = self._cache.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        if seconds is not None and seconds <= 0:
            return False
        entry = Entry(value, stamps, expiry(seconds, time.time()))
        kept_seconds = None if seconds is None else seconds + SPARE_SECONDS
        self._cache.set(key, entry.document(), kept_seconds, version=VERSION)
        return True

    def _delete(self, keys: list[str]) -> None:
        self._cache.delete_many(keys, version=VERSION)
