"""What a freshness Redis that is away costs a web process: a bounded time once, and one line of log now and then."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import redis

from invalidation import conf, lazy
from invalidation.conf.changes import when_changed
from invalidation.freshness.clients import UNAVAILABLE, client, second_client

logger = lazy.Logger(__name__)
Answer = TypeVar("Answer")

#: A Redis that is away is reported this often, not once per response.
REPORT_SECONDS = 30.0
#: How often the background asks a Redis that refuses or doesn't answer.
PROBE_SECONDS = 0.25


class Away(redis.ConnectionError):
    """Redis isn't asked: none is configured, or it didn't answer a moment ago."""


@dataclass(slots=True)
class RedisPause:
    """Asks Redis twice at most, and then leaves it alone until a thread in the background has had an answer.

    A single late answer is no absence: on a busy machine Redis may be out of a processor for longer than one timeout.
    Where the thread doesn't run (uWSGI without threads), after a pause one caller tries again.
    """

    until: float = 0.0
    """Reading of the monotonic clock; zero while Redis answers."""

    reported_at: float = float("-inf")
    """Reading of the monotonic clock."""

    probe: threading.Thread | None = None

    def ask(self, question: Callable[[redis.Redis], Answer]) -> Answer:
        """The answer to a question that may be put twice; the second time on another connection, with more patience.

        Raises:
            redis.RedisError, OSError: Redis is away.
        """
        try:
            answer = self._put(question, client())
        except UNAVAILABLE:
            answer = self._again(question)
        self.over()
        return answer

    def _again(self, question: Callable[[redis.Redis], Answer]) -> Answer:
        try:
            return self._put(question, second_client())
        except Away:
            raise
        except UNAVAILABLE as error:
            self.note(error)
            raise

    def _put(self, question: Callable[[redis.Redis], Answer], server: redis.Redis | None) -> Answer:
        if server is None or not self.may_ask():
            raise Away
        return question(server)

    def may_ask(self) -> bool:
        """May this caller ask Redis?"""
        if not self.until:
            return True
        now = time.monotonic()
        if now < self.until:
            return False
        self._pause(now)
        return True

    def over(self) -> None:
        """Redis answered."""
        self.until = 0.0

    def note(self, error: Exception) -> None:
        """Redis failed: nobody asks until the background says otherwise; logged once per interval."""
        now = time.monotonic()
        self._pause(now)
        self._start_probe()
        if now - self.reported_at > REPORT_SECONDS:
            self.reported_at = now
            logger.warning("freshness_degraded", error=repr(error))

    def _pause(self, now: float) -> None:
        self.until = now + conf.settings().freshness.redis_pause_seconds

    def _start_probe(self) -> None:
        if self.probe is None or not self.probe.is_alive():
            self.probe = threading.Thread(target=self._probe, name="freshness-probe", daemon=True)
            try:
                self.probe.start()
            except RuntimeError as error:  # the process may start no further thread
                logger.warning("freshness_probe_failed", error=repr(error))

    def _probe(self) -> None:
        """Ask until somebody had an answer; each pause is longer than one question takes."""
        while self._is_needed() and (server := second_client()):
            try:
                server.ping()
            except UNAVAILABLE:
                if self._is_needed():
                    self._pause(time.monotonic())
                time.sleep(PROBE_SECONDS)
            else:
                self.over()

    def _is_needed(self) -> bool:
        """Is Redis away still, and this thread the one that asks?"""
        return bool(self.until) and self.probe is threading.current_thread()


redis_pause = RedisPause()


@when_changed("INVALIDATION")
def _forget() -> None:
    """Another Redis has not failed."""
    redis_pause.__init__()  # type: ignore[misc]


# A child has none of its parent's threads.
os.register_at_fork(after_in_child=redis_pause.__init__)  # type: ignore[misc]
