"""The freshness Redis has lost the tag index: pages that a tier without tags still holds must not outlive a change."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.handlers.wsgi import WSGIHandler

import invalidation
from deploy.local import Nginx, Redis, free_port, wait_for
from invalidation.emission.api import stored
from invalidation.models import Delivery
from invalidation.pipeline.intake import drain
from invalidation.pipeline.planning import index_coverage
from invalidation.status.gate import judge
from invalidation.status.previews import preview
from invalidation.targets.values import Targets
from tests.fixtures.servers import SECRET
from tests.integration.freshness.conftest import PROVIDERS, Application, Behind, Cached, Declare
from tests.integration.freshness.pages import state
from tests.unit.pipeline.chain import Queue

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


@pytest.fixture
def over_varnish(
    declare: Declare, application: Application, caches_before: dict[str, Any], nginx_over_varnish: Nginx
) -> tuple[Cached, Cached]:
    """The application behind a Varnish, which has tags, and that behind an Nginx, which hasn't."""
    site, secret = f"http://{uuid.uuid4().hex}.test", {"SECRET": SECRET}
    inner, outer = caches_before["varnish"].url, nginx_over_varnish.url
    declare(
        {
            "varnish": {"PROVIDER": PROVIDERS["varnish"], "NODES": [inner], "OPTIONS": secret},
            "nginx": {
                "PROVIDER": PROVIDERS["nginx"],
                "NODES": [outer],
                "OPTIONS": {**secret, "EVERYTHING": True},
                "FILLS_FROM": ["varnish"],
            },
        },
        SITES=[site],
    )
    application.handler = WSGIHandler()
    return Cached("varnish", inner, site), Cached("nginx", outer, site)


def test_what_an_inner_cache_kept_from_before_the_loss_does_not_fill_an_emptied_one_unknown_to_the_index(
    over_varnish: tuple[Cached, Cached], queue: Queue, freshness_redis: redis.Redis
) -> None:
    inner, outer = over_varnish
    purge_another(queue)
    assert [inner.get(), inner.get()] == ["version 1"] * 2
    freshness_redis.flushall()
    purge_another(queue)  # empties the Nginx, so that the index is believed from now on
    assert [outer.get(), outer.get()] == ["version 1"] * 2
    state.version = 2
    purge(queue)
    assert [inner.get(), outer.get()] == ["version 2"] * 2


def test_an_inner_cache_is_emptied_once_after_the_loss_and_then_by_its_tags_alone(
    over_varnish: tuple[Cached, Cached], queue: Queue, freshness_redis: redis.Redis
) -> None:
    inner, outer = over_varnish
    purge_another(queue)
    assert outer.get() == "version 1"
    state.version = 2
    purge_another(queue)
    assert [inner.get(), outer.get()] == ["version 1"] * 2


def test_a_node_that_was_emptied_before_an_inner_one_is_emptied_again_after_it(
    over_varnish: tuple[Cached, Cached], queue: Queue, freshness_redis: redis.Redis
) -> None:
    inner, outer = over_varnish
    assert [inner.get(), inner.get()] == ["version 1"] * 2
    freshness_redis.flushall()
    stored(invalidation.invalidate(tags=["page:none"], tiers=["nginx"]))
    drain.drain()
    queue.run()
    assert [outer.get(), outer.get()] == ["version 1"] * 2
    state.version = 2
    purge(queue)
    assert [inner.get(), outer.get()] == ["version 2"] * 2


def test_while_redis_is_away_an_inner_cache_is_purged_by_its_tags_all_the_same(
    over_varnish: tuple[Cached, Cached], queue: Queue, settings: Any
) -> None:
    inner, _ = over_varnish
    assert [inner.get(), inner.get()] == ["version 1"] * 2
    state.version = 2
    settings.INVALIDATION = {**settings.INVALIDATION, "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    invalidation.invalidate(tags=["page:1"])
    drain.drain()
    queue.run()
    assert inner.get() == "version 2"
    assert Delivery.objects.get(tier="varnish").status == "purged"


def test_a_preview_shows_what_a_lost_index_owes_to_the_next_purge_and_nobody_needs_leave_for_it(
    over_varnish: tuple[Cached, Cached], queue: Queue, freshness_redis: redis.Redis
) -> None:
    targets = Targets(tags=frozenset({"page:none"}))

    def shown() -> list[tuple[str, list[str], tuple[str, ...]]]:
        return [(row.tier, [step.verb for step in row.steps], row.decisions) for row in preview(targets)]

    freshness_redis.flushall()
    emptied = (["purge_everything"], (index_coverage.DECISION,))
    assert shown() == [("varnish", *emptied), ("nginx", *emptied)]
    assert judge(targets) is None
    purge_another(queue)
    assert shown() == [("varnish", ["purge_tags"], ()), ("nginx", [], ())]
