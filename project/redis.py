"""Bounds what a failing Redis costs the site: no retries, a pause after a failure, one line of log."""

from __future__ import annotations

import logging
import time
from typing import Any

from prometheus_client import Counter
from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

PAUSE_SECONDS = 2.0
MISSED = Counter("cache_calls_missed", "Calls of the Redis caches that failed or were left out during a pause.")


class RedisPaused(RedisConnectionError):
    """Redis failed a moment ago and is left alone for now."""


class PausingPool(ConnectionPool):
    """Leaves Redis alone for PAUSE_SECONDS after a connection was lost or refused.

    A page may read several values; without the pause each of them would wait for the timeout of a frozen server.
    """

    paused_until = 0.0
    """Reading of the monotonic clock."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # redis-py 8 retries ten times by default, which turns a timeout of half a second into many.
        super().__init__(*args, retry=Retry(NoBackoff(), 0), **options)

    def get_connection(self, *args: Any, **options: Any) -> Connection:
        """A connected connection.

        Raises:
            RedisPaused: Redis failed less than PAUSE_SECONDS ago.
            RedisConnectionError: Redis fails now.
        """
        if time.monotonic() < self.paused_until:
            MISSED.inc()
            raise RedisPaused(RedisPaused.__doc__)
        return super().get_connection(*args, **options)

    def release(self, connection: Connection) -> None:  # type: ignore[override]  # redis-py's own types disagree
        """Take the connection back; redis-py has closed it if the command or the connecting failed."""
        if not _is_connected(connection):
            MISSED.inc()
            self.paused_until = time.monotonic() + PAUSE_SECONDS
        super().release(connection)


def _is_connected(connection: Connection) -> bool:
    """redis-py 8 says so itself; before it, a connection without a socket is closed."""
    return bool(getattr(connection, "is_connected", connection._sock is not None))


class OneLinePerFailure(logging.Filter):
    """Shortens what django-redis logs of an ignored exception; the calls during a pause add nothing to it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the traceback by the error's own words."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return True
        record.msg, record.args, record.exc_info = (
            "The cache is away, pages are rendered without it: %s",
            (error,),
            None,
        )
        return not isinstance(error.__cause__, RedisPaused)
