"""A worker outlives a broker that is lost while it holds a message: nothing that Celery does then may end it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from kombu import Connection, Consumer, Message, Queue
from kombu.common import ignore_errors

from deploy.local import Redis
from invalidation.contrib.celery.consuming.transport import guarded


def test_a_connection_that_holds_a_message_is_closed_while_it_waits_for_another_of_a_broker_that_is_gone(
    own_redis: Redis,
) -> None:
    """As `celery.worker.consumer.Consumer.on_connection_error_after_connected` closes it."""
    connection = guarded(Connection)(own_redis.url(0))
    lost = connection.connection_errors
    queue, held = Queue("invalidation.events"), list[Message]()
    connection.Producer(serializer="json").publish({}, routing_key=queue.name, declare=[queue], retry=False)
    Consumer(connection.default_channel, [queue], callbacks=[lambda _, message: held.append(message)]).consume()
    Consumer(connection.channel(), [Queue("invalidation.deliver.cache")]).consume()
    connection.drain_events(timeout=10)
    with suppress(TimeoutError):
        connection.drain_events(timeout=0.1)
    own_redis.stop()
    with suppress(Exception):  # whatever it is, Celery goes on
        connection.collect(socket_timeout=1)
    ignore_errors(connection, connection.close)
    with pytest.raises(lost):  # which the worker logs
        held[0].ack()
