"""One monotonic number, and the stamps that say at which number each tag was last invalidated."""

from __future__ import annotations

import time
from collections.abc import Iterable

import redis

from invalidation import conf

SEQUENCE_KEY = "invalidation:sequence"
STAMP_KEY = "invalidation:stamp:"
#: Stands for every tag; not in the tag alphabet, hence never a tag.
EVERYTHING = "*"

#: `max(last + 1, clock in microseconds)` survives a Redis that lost its data. ARGV[1]: stamp lifetime in seconds;
#: KEYS[1]: the sequence; KEYS[2..]: stamps to set.
ADVANCE = """
local now = redis.call('TIME')
local clock = now[1] * 1000000 + now[2]
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
local sequence = string.format('%.0f', math.max(last + 1, clock))
redis.call('SET', KEYS[1], sequence)
for place = 2, #KEYS do redis.call('SET', KEYS[place], sequence, 'EX', ARGV[1]) end
return sequence
"""


def by_clock() -> int:
    """The number to use while Redis is away: microseconds of this machine's clock."""
    return time.time_ns() // 1000


def advance(client: redis.Redis, tags: Iterable[str]) -> int:
    """Draw the next number and stamp `tags` with it, in one round trip."""
    keys = [SEQUENCE_KEY, *(STAMP_KEY + tag for tag in tags)]
    return int(client.eval(ADVANCE, len(keys), *keys, _stamp_seconds()))


def _stamp_seconds() -> int:
    """A stamp matters only to responses that are being rendered."""
    settings = conf.settings()
    return max(1, round(2 * (settings.longest_render_seconds + settings.replica_lag_seconds)))


def current(client: redis.Redis) -> int:
    """The newest number; what is read from the database after this call is at least as new."""
    return int(client.get(SEQUENCE_KEY) or 0)


def stamp_keys(tags: Iterable[str]) -> list[str]:
    """Redis keys of the stamps that can outdate a response with these tags."""
    return [STAMP_KEY + tag for tag in (*sorted(tags), EVERYTHING)]


def outdated(stamps: Iterable[str | None], since: int) -> bool:
    """Was any of the stamped tags invalidated after the sequence stood at `since`?"""
    return any(stamp is not None and int(stamp) > since for stamp in stamps)
