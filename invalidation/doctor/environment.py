"""What purging depends on besides the tiers: settings, and the Redis of the sequence with its clock."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.checks import ERROR, run_checks

from invalidation.doctor.faults import Fault, Finding
from invalidation.freshness.clients import UNAVAILABLE, patient_client
from invalidation.freshness.sequence import SEQUENCE_KEY

#: Clocks of machines that keep time differ by less.
MOST_SKEW_SECONDS = 2.0


def settings() -> Iterator[Finding]:
    """Errors of the app's system checks; warnings are left to `manage.py check --deploy`."""
    for message in run_checks(tags=["invalidation"]):
        if message.level >= ERROR:
            yield Finding(Fault.SETTINGS, detail=f"{message.msg} ({message.id})")


def freshness() -> Iterator[Finding]:
    """The Redis that holds the sequence, the stamps and the index."""
    server = patient_client()
    if server is None:
        return
    try:
        if server.info("cluster").get("cluster_enabled"):
            yield Finding(Fault.REDIS_CLUSTER)
            return
        yield from evicting(server.info("memory"))
        asked_at = time.time()
        seconds, microseconds = server.time()
        yield from clocks(seconds + microseconds / 1e6, (asked_at + time.time()) / 2, server.get(SEQUENCE_KEY))
    except UNAVAILABLE as error:
        yield Finding(Fault.REDIS_AWAY, detail=_sentence(error))


def _sentence(error: BaseException) -> str:
    """The server's words; an address may carry a password, and redis-py puts none into its messages."""
    return f"{type(error).__name__}: {error}"


def evicting(memory: Any) -> Iterable[Finding]:
    """Is there a limit at which it drops keys? Pure."""
    policy = memory.get("maxmemory_policy", "noeviction")
    if memory.get("maxmemory", 0) and policy != "noeviction":
        yield Finding(Fault.REDIS_EVICTS, detail=f"Its maxmemory-policy is {policy}.")


def clocks(redis_at: float, here_at: float, sequence: str | bytes | None) -> Iterable[Finding]:
    """Do this machine, Redis and the sequence, which is Redis' clock in microseconds, agree? Pure."""
    skew_seconds = here_at - redis_at
    if abs(skew_seconds) > MOST_SKEW_SECONDS:
        how = "ahead of" if skew_seconds > 0 else "behind"
        yield Finding(Fault.CLOCK, detail=f"This machine is {abs(skew_seconds):.1f} s {how} Redis.")
    ahead_seconds = int(sequence or 0) / 1e6 - redis_at
    if ahead_seconds > MOST_SKEW_SECONDS:
        yield Finding(Fault.CLOCK, detail=f"The sequence is {ahead_seconds:.1f} s ahead of Redis.")
