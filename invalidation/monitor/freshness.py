"""Reads how the sequence and the tag index stand."""

from __future__ import annotations

import redis

from invalidation import conf
from invalidation.freshness import degraded, index, sequence
from invalidation.freshness.clients import UNAVAILABLE, patient_client
from invalidation.monitor.report import Freshness


def freshness() -> Freshness:
    """The state of the freshness Redis; not configured is no problem."""
    server = patient_client()
    if server is None:
        return Freshness(is_configured=False)
    try:
        return _read(server)
    except UNAVAILABLE as error:
        return Freshness(is_configured=True, problems=[f"does not answer: {type(error).__name__}"])


def _read(server: redis.Redis) -> Freshness:
    pipeline = server.pipeline(transaction=False)
    pipeline.get(sequence.SEQUENCE_KEY)
    pipeline.info("memory")
    newest, memory = pipeline.execute()
    urls, size = index.size(server)
    policy, limit = str(memory["maxmemory_policy"]), conf.settings().index.max_urls
    problems = [f"evicts ({policy}): stamps may be lost"] if memory["maxmemory"] and policy != "noeviction" else []
    most = conf.settings().index.max_bytes
    if urls >= limit or size >= most:
        problems.append("the tag index is full: new pages are kept for a short time only")
    age = None if newest is None else max(0.0, (sequence.by_clock() - int(newest)) / 1_000_000)
    counted = degraded.counted(server)
    return Freshness(True, newest and int(newest), age, urls, limit, size, most, counted, policy, problems)
