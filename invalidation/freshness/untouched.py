"""Was anything invalidated since a unit of work began? Redis knows, for as long as it keeps its stamps."""

from __future__ import annotations

import math
from collections.abc import Iterable

import redis

from invalidation.freshness import sequence
from invalidation.freshness.clients import UNAVAILABLE, client
from invalidation.freshness.redis_pause import redis_pause
from invalidation.freshness.sequence import Verdict
from invalidation.freshness.unit_of_work import Beginning


def is_untouched(tags: Iterable[str], beginning: Beginning) -> bool | None:
    """Was none of the tags invalidated since? None where nobody knows. One round trip."""
    if not may_be_known(beginning):
        return None
    try:
        now, stamps = redis_pause.ask(lambda server: _asked(server, sequence.watched_keys(tags)))
    except UNAVAILABLE:
        return None
    return _judged(stamps, _number(beginning, now, stamps[0])) if may_be_known(beginning) else None


def _asked(server: redis.Redis, keys: list[str]) -> tuple[tuple[int, int], list[str | None]]:
    """Redis' clock, and then what stands at the keys."""
    pipeline = server.pipeline(transaction=False)
    pipeline.time()
    pipeline.mget(keys)
    now, stamps = pipeline.execute()
    return now, stamps


def may_be_known(beginning: Beginning) -> bool:
    """Does a Redis remember every stamp that was set since?"""
    return client() is not None and beginning.age_seconds() < sequence.stamp_seconds()


def _number(beginning: Beginning, now: tuple[int, int], newest: str | None) -> int:
    """The beginning in the sequence, rather too small than too large: a stamp is never below Redis' clock."""
    if beginning.sequence is not None:
        return beginning.sequence
    seconds, microseconds = now
    began = seconds * 1_000_000 + microseconds - math.ceil(1_000_000 * beginning.age_seconds())
    return min(began, int(newest or 0))


def _judged(stamps: list[str | None], since: int) -> bool | None:
    verdict = sequence.verdict(stamps, since)
    return None if verdict is Verdict.UNKNOWN else verdict is Verdict.CURRENT
