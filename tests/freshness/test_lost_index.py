"""The freshness Redis has lost the tag index: pages that a tier without tags still holds must not outlive a change."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

import invalidation
from deploy.local import Redis, wait_for
from invalidation.emission.api import stored
from invalidation.models import Delivery
from invalidation.pipeline.intake import drain
from invalidation.pipeline.planning import index_coverage
from tests.freshness.conftest import Behind, Cached
from tests.freshness.pages import state
from tests.pipeline.chain import Queue

#: Each purge in a transaction of its own: one transaction records the same targets once.
pytestmark = pytest.mark.django_db(transaction=True)


def purge(queue: Queue) -> Delivery:
    """By a tag of the page, through the index."""
    event = stored(invalidation.invalidate(tags=["page:1"]))
    drain.drain()
    queue.run()
    event.refresh_from_db()
    assert event.status == "done"
    return Delivery.objects.latest("id")


def purge_another(queue: Queue) -> Delivery:
    """By a tag of no page."""
    stored(invalidation.invalidate(tags=["page:none"]))
    drain.drain()
    queue.run()
    return Delivery.objects.latest("id")


def lose(cached: Cached, server: redis.Redis) -> None:
    """The page is stored, every key of Redis is gone, and the data change."""
    assert [cached.get(), cached.get()] == ["version 1"] * 2
    server.flushall()
    state.version = 2
    assert cached.get() == "version 1"


def test_a_page_that_the_index_has_lost_is_purged_by_emptying_the_node(
    behind: Behind, queue: Queue, freshness_redis: redis.Redis
) -> None:
    cached = behind("nginx", {"EVERYTHING": True})
    purge(queue)
    lose(cached, freshness_redis)
    delivery = purge(queue)
    assert cached.get() == "version 2"
    assert delivery.decisions == [index_coverage.DECISION]


def test_a_node_is_emptied_once_and_then_the_index_is_believed(
    behind: Behind, queue: Queue, freshness_redis: redis.Redis
) -> None:
    cached = behind("nginx", {"EVERYTHING": True})
    lose(cached, freshness_redis)
    purge(queue)
    assert cached.get("/page/?other") == "version 2"
    state.tags, state.version = ("page:2",), 3
    assert cached.get("/page/?unconcerned") == "version 3"
    state.version = 4
    delivery = purge(queue)
    assert (delivery.decisions, delivery.calls) == ([], 1)
    assert cached.get("/page/?other") == "version 4"
    assert cached.get("/page/?unconcerned") == "version 3"


def test_a_failed_emptying_is_not_taken_for_one(behind: Behind, queue: Queue, freshness_redis: redis.Redis) -> None:
    behind("nginx", {"EVERYTHING": True, "SECRET": "another-secret-of-no-use"})
    invalidation.invalidate(tags=["page:1"])
    drain.drain()
    queue.run()
    assert Delivery.objects.get().status == "rejected"
    cached = behind("nginx", {"EVERYTHING": True})
    assert purge(queue).decisions
    assert cached.get() == "version 1"


def test_without_a_way_to_empty_the_node_the_page_stays(
    behind: Behind, queue: Queue, freshness_redis: redis.Redis
) -> None:
    cached = behind("nginx")
    lose(cached, freshness_redis)
    purge(queue)
    assert cached.get() == "version 1"


def dumped(client: redis.Redis) -> dict[bytes, bytes]:
    """Every key, as it is now."""
    return {key: client.dump(key) or b"" for key in client.scan_iter()}


def restore(client: redis.Redis, dump: dict[bytes, bytes]) -> None:
    """As that, and nothing else; the server runs on."""
    client.flushall()
    for key, value in dump.items():
        client.restore(key, 0, value)


def check_nothing_stale_survives(cached: Cached, queue: Queue) -> None:
    """The purge after the change empties the node, says so, and the next one has no need to."""
    state.version = 2
    assert cached.get() == "version 1"
    delivery = purge(queue)
    assert cached.get() == "version 2"
    assert delivery.decisions == [index_coverage.DECISION]
    assert not purge(queue).decisions


@pytest.mark.parametrize("way", ["restore", "replica"])
def test_row_15_an_older_state_loaded_into_a_running_redis_is_noticed_by_the_mark_in_the_database(
    behind: Behind, queue: Queue, tmp_path: Path, way: str
) -> None:
    with Redis(tmp_path, name="own") as server, Redis(tmp_path, name="older") as older:
        cached = behind("nginx", {"EVERYTHING": True}, REDIS_URL=server.url())
        purge(queue)
        with redis.Redis.from_url(server.url()) as client, redis.Redis.from_url(older.url()) as source:
            dump = dumped(client)
            restore(source, dump)
            assert [cached.get(), cached.get()] == ["version 1"] * 2
            assert not purge_another(queue).decisions
            run = client.info("server")["run_id"]
            if way == "restore":
                restore(client, dump)
            else:
                client.replicaof("127.0.0.1", older.port)
                wait_for(lambda: client.info("replication")["master_link_status"] == "up", 20, "the older state")
                client.replicaof("NO", "ONE")
            assert client.info("server")["run_id"] == run
        check_nothing_stale_survives(cached, queue)


def test_after_a_redis_came_back_older_nothing_stale_survives_the_next_purge(
    behind: Behind, queue: Queue, tmp_path: Path
) -> None:
    with Redis(tmp_path, name="own") as server:
        cached = behind("nginx", {"EVERYTHING": True}, REDIS_URL=server.url())
        purge(queue)
        with redis.Redis.from_url(server.url()) as client:
            client.save()
        assert [cached.get(), cached.get()] == ["version 1"] * 2
        server.stop()
        server.start()
        check_nothing_stale_survives(cached, queue)
