"""Connections to the broker whose every answer is bounded, whichever broker it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING

from kombu import Connection, Producer
from kombu.exceptions import OperationalError
from kombu.pools import producers

from invalidation import conf
from invalidation.contrib.celery.host import application
from invalidation.contrib.celery.queues import speaks_amqp

if TYPE_CHECKING:
    from celery import Celery


@contextmanager
def bounded_producer() -> Iterator[Producer]:
    """One of this process' own.

    Raises:
        kombu.exceptions.OperationalError: the broker is away, or did not answer in time.
    """
    seconds = conf.settings().workers.announce_timeout_seconds
    pool = producers[_connection(os.getpid(), application())]
    with pool.acquire(block=True, timeout=seconds) as producer, _bounded(producer.connection, seconds):
        yield producer


@cache
def _connection(process: int, app: Celery) -> Connection:
    """A connection of its own. The pool must not take a parent's for this process'."""
    seconds = conf.settings().workers.announce_timeout_seconds
    connection = app.connection_for_write()
    # Redis' two, and RabbitMQ's: without proof, what is sent to a broker that is frozen or gone counts as sent.
    bounds = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    bounds |= {"connect_timeout": seconds, "confirm_publish": True} if speaks_amqp(connection) else {}
    options = {**(connection.transport_options or {}), **bounds, "max_retries": 0, "process": process}
    return connection.clone(transport_options=options)


@contextmanager
def _bounded(connection: Connection, seconds: float) -> Iterator[None]:
    """Bounds the answers of a RabbitMQ too, which py-amqp can't be asked to: sockets of gevent know no SO_RCVTIMEO."""
    if not speaks_amqp(connection):
        yield
        return
    _notice_its_end(connection)
    connection.ensure_connection(max_retries=0)
    connection.connection.transport.sock.settimeout(seconds)
    try:
        yield
    except OperationalError:
        connection.collect()  # or the next message would take the late answer to this one for its own
        raise


def _notice_its_end(connection: Connection) -> None:
    """A broker that was restarted has ended it, which py-amqp learns by reading; else the first message is lost."""
    if connection.connected:
        with suppress(TimeoutError, *connection.connection_errors):
            connection.drain_events(timeout=0)
