"""Keeps a worker alive where kombu's Redis transport would end it: over garbage on our queues, and a lost broker."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from kombu import Connection

from invalidation import lazy
from invalidation.contrib.celery.consuming import envelopes
from invalidation.contrib.celery.queues import queues

logger = lazy.Logger(__name__)


@cache
def guarded(connection: type[Connection]) -> type[Connection]:
    """That class, to Redis through channels that look at what they take; to anything else as ever."""

    class GuardedConnection(connection):  # type: ignore[misc,valid-type]  # a class of the host's choice
        def get_transport_cls(self) -> Any:
            """The transport of the broker's URL."""
            from kombu.transport import redis

            transport: Any = super().get_transport_cls()
            is_redis = isinstance(transport, type) and issubclass(transport, redis.Transport)
            return _guarded(transport) if is_redis else transport

    return GuardedConnection


@cache
def _guarded(transport: Any) -> Any:
    class GuardedChannel(transport.Channel):  # type: ignore[misc]  # the class that the host's transport has
        def _create_client(self, asynchronous: bool = False) -> Any:
            client = super()._create_client(asynchronous=asynchronous)
            if asynchronous:  # the one that waits for messages
                client.parse_response = partial(_taken, client.parse_response, self.sep)
            return client

        def _connparams(self, asynchronous: bool = False) -> Any:
            """Of a connection that was given up, an error that Celery expects of a lost broker.

            Celery closes once more what it failed to collect, and a channel that still holds a message connects anew
            to return it (kombu 5.7, `Channel.close`), by parameters that are gone: that `AttributeError` ends the
            worker. The message is not lost: the broker returns it, or the sweep finds what it was about.
            """
            if self.connection.client is None:
                from redis.exceptions import ConnectionError as Lost

                raise Lost("The connection to the broker was given up.")
            return super()._connparams(asynchronous=asynchronous)

    return type("GuardedTransport", (transport,), {"Channel": GuardedChannel})


def _taken(parse: Callable[..., Any], separator: str, connection: Any, command: str, **options: Any) -> Any:
    """The answer of Redis; None, which means empty queues, where a queue of ours gave what is no message."""
    answer = parse(connection, command, **options)
    if command != "BRPOP" or not answer:
        return answer
    queue = _text(answer[0]).rsplit(separator, 1)[0]
    if queue not in _names() or not (reason := envelopes.wrong(answer[1])):
        return answer
    logger.warning("message_dropped", queue=queue, reason=reason)
    return None


def _text(name: bytes | str) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else name


def _names() -> frozenset[str]:
    """Queues that are ours, without the prefix that a host may put before all keys: kombu takes it away."""
    return frozenset(queue.name for queue in queues())
