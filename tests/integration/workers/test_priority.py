"""The order in which workers are handed what waits in the broker."""

from __future__ import annotations

from kombu import Connection

from invalidation.contrib.celery.queues import EVENTS, EXCHANGE
from tests.integration.workers.nodes import LocalRedis
from tests.integration.workers.site import Site


def test_a_takedown_overtakes_what_already_waits_in_the_broker(site: Site, default_redis_broker: LocalRedis) -> None:
    recorded = [site.purge("--key", lane, "--lane", lane, wait_seconds=0) for lane in ("bulk", "editorial", "takedown")]
    with Connection(default_redis_broker.url) as connection:
        queue = EXCHANGE.bind(connection.channel()), connection.SimpleQueue(EVENTS, no_ack=True)
        handed_out = [queue[1].get(timeout=5).payload[1]["events"][0] for _ in recorded]
    assert handed_out == [document["id"] for document in reversed(recorded)]
