"""The cache generation: one number in every key of a cache, so that a deployment starts with caches of its own.

Name `cache_key` as KEY_FUNCTION of an alias (and `original_key` as REVERSE_KEY_FUNCTION of django-redis). A new
generation takes effect at an announced moment, by which every process has read of it: so web processes and workers
change over together, and a worker never purges a key of one generation while pages are filled from another.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass

import redis

from invalidation.conf.changes import when_changed
from invalidation.freshness.clients import UNAVAILABLE, client
from invalidation.freshness.redis_pause import redis_pause

KEY = "invalidation:generation"
#: How old a process' knowledge may get, and how long after its announcement a generation takes effect.
READ_SECONDS = 1.0
NOTICE_SECONDS = 3.0

#: One call, so that two deployments at once can't draw the same number. A release that has its generation keeps it.
#: KEYS: the hash. ARGV: release, or "" for a new generation in any case; seconds of notice.
BUMP = """
local number, release, at = unpack(redis.call('HMGET', KEYS[1], 'number', 'release', 'switches_at'))
if number and ARGV[1] ~= '' and release == ARGV[1] then return {number, at} end
local now = redis.call('TIME')
at = string.format('%.6f', now[1] + now[2] / 1000000 + ARGV[2])
number = string.format('%.0f', (tonumber(number) or 0) + 1)
redis.call('HSET', KEYS[1], 'number', number, 'release', ARGV[1], 'switches_at', at)
return {number, at}
"""


@dataclass(frozen=True, slots=True)
class Generation:
    """The newest number, and when it takes effect."""

    number: int = 0
    switches_at: float = 0.0
    """Seconds since the epoch."""

    def active(self, now: float) -> int:
        """The number in force. Pure."""
        return self.number if now >= self.switches_at else self.number - 1


@dataclass(slots=True)
class _Known:
    """What this process has read."""

    generation: Generation | None = None
    read_at: float = float("-inf")
    """Reading of the monotonic clock."""


def bump(server: redis.Redis, release: str) -> Generation:
    """Announce the next generation; the same again for the same release, so that a deployment may be repeated."""
    number, switches_at = server.eval(BUMP, 1, KEY, release, NOTICE_SECONDS)
    _known.read_at = float("-inf")
    return Generation(int(number), float(switches_at))


def active() -> int | None:
    """The generation in force; None where the freshness Redis is away and this process never read it."""
    if time.monotonic() - _known.read_at > READ_SECONDS and _reading.acquire(blocking=False):
        try:
            _read()
        finally:
            _reading.release()
    known = _known.generation
    return None if known is None else known.active(time.time())


def _read() -> None:
    """What is known stays known while Redis is away."""
    if client() is None:
        _known.generation = Generation()
    else:
        with suppress(*UNAVAILABLE):
            number, switches_at = redis_pause.ask(lambda server: server.hmget(KEY, "number", "switches_at"))
            _known.generation = Generation(int(number or 0), float(switches_at or 0))
    _known.read_at = time.monotonic()


def cache_key(key: str, prefix: str, version: int | str) -> str:
    """KEY_FUNCTION: as Django's, with the generation behind the prefix; `g?` is read by nobody else."""
    number = active()
    return f"{prefix}:g{'?' if number is None else number}:{version}:{key}"


def original_key(key: str) -> str:
    """REVERSE_KEY_FUNCTION of django-redis: the key that `cache_key` was given."""
    return key.split(":", 3)[3]


@when_changed("INVALIDATION")
def _forget() -> None:
    _known.generation, _known.read_at = None, float("-inf")


_known = _Known()
_reading = threading.Lock()
