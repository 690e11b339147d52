"""One monotonic number, and the stamps that say at which number each tag or URL was last invalidated."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any

import redis

from invalidation import conf
from invalidation.freshness import raw_commands
from invalidation.freshness.clients import UNAVAILABLE
from invalidation.freshness.index import NAME_KEY
from invalidation.freshness.redis_pause import redis_pause

SEQUENCE_KEY = "invalidation:sequence"
STAMP_KEY = "invalidation:stamp:"
#: The newest number that a worker drew. The database remembers it with the batch; a Redis that holds an older one, or
#: none, has come back older, and pages that were registered meanwhile are missing in its tag index.
MARK_KEY = "invalidation:mark"
#: Stands for every tag and URL; neither can look like this.
EVERYTHING = "*"
#: Stamps per call, so that none holds the server for longer than a few milliseconds.
STAMPS_PER_CALL = 500
#: Number of a database of the same server to keys in it.
KeysToRemove = Mapping[int, Sequence[str]]

#: `max(last + 1, clock in microseconds)` survives a Redis that lost its data. One that did has lost the stamps too, so
#: whatever is being rendered at that moment is outdated. KEYS: the sequence, the stamp of everything, stamps to set.
#: ARGV: lifetime of a stamp in seconds; number of this database; the newest mark that the caller's database remembers,
#: 0 for none, "" from who leaves no mark; then what is to be removed at the same instant: for each database of the same
#: server its number, how many keys, and the keys.
ADVANCE = f"""
local now = redis.call('TIME')
local clock = now[1] * 1000000 + now[2]
local last = redis.call('GET', KEYS[1])
local sequence = string.format('%.0f', math.max((tonumber(last) or 0) + 1, clock))
redis.call('SET', KEYS[1], sequence)
if not last then redis.call('SET', KEYS[2], sequence, 'EX', ARGV[1]) end
for place = 3, #KEYS do redis.call('SET', KEYS[place], sequence, 'EX', ARGV[1]) end
if ARGV[3] ~= '' then
  if (tonumber(redis.call('GET', '{MARK_KEY}')) or 0) < tonumber(ARGV[3]) then redis.call('DEL', '{NAME_KEY}') end
  redis.call('SET', '{MARK_KEY}', sequence)
end
local place = 4
while place < #ARGV do
  redis.call('SELECT', ARGV[place])
  local last = place + 1 + ARGV[place + 1]
  for argument = place + 2, last do redis.call('UNLINK', ARGV[argument]) end
  redis.call('SELECT', ARGV[2])
  place = last + 1
end
return sequence
"""
_ADVANCE = raw_commands.Script(ADVANCE)


class Verdict(Enum):
    """What the stamps say of a response at the end of its rendering."""

    CURRENT = "current"
    OUTDATED = "outdated"
    UNKNOWN = "unknown"  # Redis is away, or lost its data meanwhile


def by_clock() -> int:
    """The number to use while Redis is away: microseconds of this machine's clock."""
    return time.time_ns() // 1000


def advance(
    client: redis.Redis,
    names: Iterable[str],
    keys_to_remove: KeysToRemove = MappingProxyType({}),
    *,
    mark: int | None = None,
) -> int:
    """Draw the next number, stamp these tags and absolute URLs with it, and remove these keys at that instant.

    More than STAMPS_PER_CALL take several calls and numbers; the first, the smallest, is the answer. With a `mark`, the
    newest that the caller's database remembers, or 0, the number is the next mark, and a Redis whose own mark is older
    loses the name of its tag index.
    """
    keys = [STAMP_KEY + name for name in names]
    chunks = [keys[start : start + STAMPS_PER_CALL] for start in range(0, len(keys), STAMPS_PER_CALL)] or [[]]
    first = [_advanced(client, chunk, {}, mark) for chunk in chunks[:-1]]
    return min([*first, _advanced(client, chunks[-1], keys_to_remove, mark)])


def _advanced(client: redis.Redis, keys: Sequence[str], keys_to_remove: KeysToRemove, mark: int | None) -> int:
    own = client.get_connection_kwargs().get("db", 0)
    removals: list[Any] = [
        word for database, names in keys_to_remove.items() for word in (database, len(names), *names)
    ]
    places = (SEQUENCE_KEY, STAMP_KEY + EVERYTHING, *keys)
    arguments = (stamp_seconds(), own, "" if mark is None else mark, *removals)
    return int(raw_commands.run(client, _ADVANCE, places, arguments))


def stamp_seconds() -> int:
    """A stamp matters only to what is being rendered or computed."""
    settings = conf.settings()
    return max(1, round(2 * (settings.longest_render_seconds + settings.freshness.replica_lag_seconds)))


def current(client: redis.Redis) -> int:
    """The newest number; what is read from the database after this call is at least as new. One round trip."""
    return int(raw_commands.ask(client, "GET", SEQUENCE_KEY) or 0) or advance(client, ())


def newest() -> int | None:
    """As `current`, of the Redis that is configured; None where it can't be read."""
    try:
        return redis_pause.ask(current)
    except UNAVAILABLE:
        return None


def watched_keys(tags: Iterable[str], *urls: str) -> list[str]:
    """Redis keys that `verdict` wants the values of: for a value with these tags, or for the response to a URL."""
    return [SEQUENCE_KEY, *(STAMP_KEY + name for name in (*sorted(tags), *urls, EVERYTHING))]


def verdict(values: Sequence[str | None], since: int) -> Verdict:
    """Was anything that the response shows invalidated after the sequence stood at `since`? Pure."""
    newest, *stamps = values
    if newest is None or int(newest) < since:
        return Verdict.UNKNOWN
    outdated = any(stamp is not None and int(stamp) > since for stamp in stamps)
    return Verdict.OUTDATED if outdated else Verdict.CURRENT
