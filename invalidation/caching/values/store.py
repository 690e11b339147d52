"""The tagged cache: values stamped with the versions of their tags, and with those of the values they are made of.

An invalidation deletes a tag's version: the process that committed does, and the provider of the cache tier again. A
missing version equals none, so that losing one, as an evicting cache may, costs a computation and nothing else. Nothing
is stored by a unit of work that began before the newest invalidation of one of the tags, whatever it had read when.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar

from django.core.cache import BaseCache, caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.db import connections, transaction

from invalidation.caching import transactions
from invalidation.caching.values import admission, hints, reads
from invalidation.caching.values.admission import MadeOf
from invalidation.caching.values.asynchronous import AsyncForms, Tags
from invalidation.caching.values.entry import SPARE_SECONDS, Entry, Stamps, expiry, new_version
from invalidation.caching.values.reads import Reads
from invalidation.providers.redis import TAG_VERSION_KEY
from invalidation.targets.values import checked_tag
from invalidation.tracking import collector
from invalidation.tracking import values as shown
from invalidation.tracking.values import Page

#: Version of the alias under which values and tag versions are stored, whatever its own default: one call reads both.
VERSION: Final = 1
#: A tag's version that nobody asked for is forgotten after this long, and with it the values that it vouches for.
VERSION_SECONDS: Final = 30 * 86_400
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


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a value is to be stored, for how long and under which tags."""

    key: str
    timeout: Any
    tags: tuple[str, ...]
    reads_all: bool = False
    by_hand: tuple[str, ...] = ()
    """Those of the tags that stand for more than what is read from the database to compute it."""


class TaggedCache(AsyncForms):
    """A Django cache of any backend, by tags. Inside a transaction that has written it is neither read nor filled."""

    def __init__(self, alias: str = "default") -> None:
        self.alias = alias

    @property
    def _cache(self) -> BaseCache:
        return caches[self.alias]

    def get(self, key: str, default: Any = None, *, tags: Tags = ()) -> Any:
        """The value, or `default` where there is none. One round trip where `tags` names those it was set with."""
        values = self.get_many([key], tags=tags)
        return values.get(key, default)

    def get_many(self, keys: Iterable[str], *, tags: Tags = ()) -> dict[str, Any]:
        """Those of the keys that have a value. One round trip where `tags` names every tag they were set with."""
        wanted, tagged = tuple(keys), names(tags)
        if not wanted or transactions.any_dirty():
            return {}
        stored, versions = self._read(wanted, tagged)
        entries = {key: entry for key in wanted if (entry := Entry.of(stored.get(key)))}
        versions = {**versions, **self._versions({tag for e in entries.values() for tag in e.stamps} - set(tagged))}
        usable = {key: self._used(Look(entry, versions), tagged) for key, entry in entries.items()}
        return {key: value for key, value in usable.items() if value is not ABSENT}

    def get_or_set(
        self,
        key: str,
        compute: Callable[[], Value],
        timeout: Any = DEFAULT_TIMEOUT,
        *,
        tags: Tags = (),
        reads_all: bool = False,
        by_hand: Tags | None = None,
    ) -> Value:
        """The value, computed where there is none. One reader computes; the others wait for it, within a bound.

        Until then they get the expired value, where there is one; never one that was invalidated. `timeout` is in
        seconds, None for never. One round trip where the value is there. `reads_all` promises that `compute` reads
        whatever it needs by itself, and nothing that was read before it was called. `by_hand` are those of the tags
        that were not worked out from what `compute` reads, None for all: a page that shows the value carries them.
        Without `tags` what it reads through the ORM gives them, where automatic tags are on.

        Raises:
            InvalidTarget: one of `tags` is not a tag.
        """
        tagged = names(tags)
        named = tagged if by_hand is None else names(by_hand)
        compute = compute if tagged else shown.followed(compute, reads.note_computed)
        if transactions.any_dirty():
            reads.spoil()
            shown.note_computed(named)
            return compute()
        seen = self._look(key, tagged)
        value = self._used(seen, tagged)
        if value is not ABSENT:
            return value  # type: ignore[no-any-return]
        slot = Slot(key, timeout, tagged, reads_all, named)
        value = self._computed(slot, compute) if self._may_store(slot, seen.versions) else compute()
        reads.note_computed(tagged)
        shown.note_computed(named)
        return value

    def look(self, key: str, *, tags: Tags) -> tuple[Any, Stamps]:
        """The value or ABSENT, and the stamps for a new one. One round trip where every tag has a version.

        Without tags: the value and the stamps that it has.
        """
        tagged = names(tags)
        if transactions.any_dirty():
            return ABSENT, {}
        seen = self._look(key, tagged)
        if not tagged:
            return self._used(seen, ()), seen.entry.stamps if seen.entry else {}
        stamps = self._created(tagged, seen.versions)
        return self._used(seen, tagged), {tag: stamps[tag] for tag in tagged if tag in stamps}

    def set(
        self,
        key: str,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        *,
        tags: Tags = (),
        stamps: Stamps | None = None,
        seen: Reads | None = None,
        reads_all: bool = False,
    ) -> bool:
        """Store a value; tells whether it was: not where a tag was invalidated since the unit of work began.

        `stamps` are those that `stamps()` gave before the value was computed, `seen` the cached values that it is made
        of. `get_or_set` sees to both by itself. `reads_all` promises that all else was read after the stamps.
        """
        if transactions.any_dirty():
            return False
        slot = Slot(key, timeout, names(tags), reads_all)
        return self._store(slot, value, self.stamps(tags) if stamps is None else stamps, seen or Reads())

    def stamps(self, tags: Tags) -> Stamps:
        """The present versions of the tags, to be taken before a value is computed."""
        wanted = names(tags)
        return self._created(wanted, self._versions(wanted))

    def invalidate(self, *tags: Tags) -> None:
        """Make every value with one of these tags stale, in this cache alone; once more when open transactions commit.

        `invalidation.invalidate(tags=…)` reaches every tier, and never forgets.
        """
        all_tags = sorted({tag for given in tags for tag in names(given)})
        self._forget(all_tags)
        for connection in connections.all(initialized_only=True):
            if connection.in_atomic_block:
                transaction.on_commit(lambda: self._forget(all_tags), using=connection.alias)

    def _read(self, keys: tuple[str, ...], tags: tuple[str, ...]) -> tuple[dict[str, Any], Stamps]:
        """What is stored under the keys, and the versions of the tags, in one round trip."""
        version_keys = [TAG_VERSION_KEY + tag for tag in tags]
        stored = self._cache.get_many((*keys, *version_keys), version=VERSION)
        return stored, {tag: stored[key] for tag, key in zip(tags, version_keys, strict=True) if key in stored}

    def _versions(self, tags: Iterable[str]) -> Stamps:
        wanted = tuple(tags)
        return self._read((), wanted)[1] if wanted else {}

    def _used(self, look: Look, tags: tuple[str, ...], *, expired: bool = False) -> Any:
        """The value, or ABSENT where it may not be used; what is being computed is made of it."""
        value, entry = look.value(tags, expired=expired), look.entry
        if entry is None or value is ABSENT:
            return ABSENT
        if entry.others and not self._are_current(entry):
            return ABSENT
        reads.note_found(self.alias, entry)
        return value

    @staticmethod
    def _are_current(entry: Entry) -> bool:
        """Are the values of other caches that it was made of? One round trip for each of those caches."""
        pairs = ((stamps, TaggedCache(alias)._versions(stamps)) for alias, stamps in entry.others.items())
        return all(stamps.items() <= versions.items() for stamps, versions in pairs)

    def _look(self, key: str, tags: tuple[str, ...], *, claims: bool = False) -> Look:
        claim, asked = claim_key(key) if claims else "", tags or hints.of(self.alias, key)
        stored, versions = self._read((key, claim) if claim else (key,), asked)
        entry = Entry.of(stored.get(key))
        if entry is not None and (further := entry.stamps.keys() - asked):  # of what it is made of
            versions = {**versions, **self._versions(further)}
            if not tags:
                hints.remember(self.alias, key, entry.stamps)
        return Look(entry, versions, claim in stored)

    def _created(self, tags: Iterable[str], versions: Stamps) -> Stamps:
        """Give every tag without a version a new one; where another process was faster, its version counts."""
        known = dict(versions)
        for tag in set(tags) - set(known):
            version = new_version(time.time())
            if self._cache.add(TAG_VERSION_KEY + tag, version, VERSION_SECONDS, version=VERSION):
                known[tag] = version
        return {**self._versions(set(tags) - set(known)), **known}

    def _may_store(self, slot: Slot, versions: Stamps) -> bool:
        """Might what is computed now be stored? Else nobody must wait for it."""
        if not transactions.all_see_commits():
            return False
        return slot.reads_all or not admission.is_hopeless(self._cache, self._created(slot.tags, versions))

    def _computed(self, slot: Slot, compute: Callable[[], Any]) -> Any:
        for look in self._turns(slot):
            if look is None:
                return self._filled(slot, compute)
            value = self._used(look, slot.tags, expired=True)
            if value is not ABSENT:
                return value
        return compute()

    def _turns(self, slot: Slot) -> Iterator[Look | None]:
        """None once it is this reader's turn to compute; before, what is seen while another one does.

        Ends when patience does, or when nobody computes and yet no claim succeeds: then the cache is away.
        """
        deadline, unclaimed, pause_seconds = time.monotonic() + PATIENCE_SECONDS, 0, FIRST_LOOK_SECONDS
        while time.monotonic() < deadline and unclaimed < 2:  # noqa: PLR2004 (once may be a claim that has just ended)
            if self._cache.add(claim_key(slot.key), True, CLAIM_SECONDS, version=VERSION):
                yield None
                return
            look = self._look(slot.key, slot.tags, claims=True)
            yield look
            unclaimed = 0 if look.is_claimed else unclaimed + 1
            time.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, LOOK_SECONDS)

    def _filled(self, slot: Slot, compute: Callable[[], Any]) -> Any:
        try:
            look = self._look(slot.key, slot.tags)
            value = self._used(look, slot.tags)
            return self._made(slot, compute, look.versions) if value is ABSENT else value
        finally:
            self._cache.delete_many([claim_key(slot.key)], version=VERSION)

    def _made(self, slot: Slot, compute: Callable[[], Any], versions: Stamps) -> Any:
        stamps = self._created(slot.tags, versions)
        with reads.collected() as seen, collector.nested() as readings:
            value = compute()
        if not transactions.any_dirty():
            self._store(slot, value, stamps, seen, shown.page_of(readings, slot.by_hand))
        return value

    def _store(self, slot: Slot, value: Any, stamps: Stamps, seen: Reads, page: Page | None = None) -> bool:
        """A value that lacks a stamp could never be used; one that may be made of what is stale by now must not be."""
        seconds = self._cache.default_timeout if slot.timeout is DEFAULT_TIMEOUT else slot.timeout
        if seconds is not None and seconds <= 0:
            return False
        made_of = self._made_of(slot, stamps, seen)
        if made_of is None:
            return False
        entry = Entry(value, made_of.stamps, expiry(seconds, time.time()), made_of.others, page)
        kept_seconds = None if seconds is None else seconds + SPARE_SECONDS
        self._cache.set(slot.key, entry.document(), kept_seconds, version=VERSION)
        return True

    def _made_of(self, slot: Slot, stamps: Stamps, seen: Reads) -> MadeOf | None:
        """None where the value may not be stored."""
        joining = seen.tags.difference(stamps)
        known = {**self._created(joining, {}), **stamps} if joining else stamps
        made_of = admission.joined(self.alias, known, seen)
        if made_of is None or not made_of.stamps.keys() >= {*slot.tags, *joining}:
            return None
        alone = slot.reads_all and not seen.tags
        return made_of if alone or admission.is_admitted(self._cache, made_of.stamps) else None

    def _forget(self, tags: Sequence[str]) -> None:
        """Stamp them first: who began before, and finds no version, must not store under a new one."""
        admission.stamp(tags)
        self._cache.delete_many([TAG_VERSION_KEY + tag for tag in tags], version=VERSION)
