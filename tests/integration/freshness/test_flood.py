"""C11: a flood of made-up addresses costs whoever sends it; an edit after it costs what it did before."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.handlers.wsgi import WSGIHandler

import invalidation
from deploy.local import Nginx, wait_for
from invalidation.freshness import index, scripts
from invalidation.models import Delivery
from invalidation.pipeline.aftercare import rebound
from invalidation.pipeline.intake import drain
from invalidation.proxies.templates import Value
from tests.fixtures.servers import SECRET
from tests.integration.freshness.conftest import PROVIDERS, Application, Declare, let_pass
from tests.stand_ins.visitor import is_hit, visit
from tests.unit.pipeline.chain import Queue

pytestmark = pytest.mark.django_db(transaction=True)
FLOOD = 1000
PATIENCE_SECONDS = 10
#: A key of one page, or of a count.
SLACK_BYTES = 2_000


@pytest.fixture
def shipped(application: Application, tmp_path: Path) -> Iterator[Nginx]:
    """The shipped site, told of one parameter."""
    options: dict[str, Value] = {"public_port": "", "query_parameters": [("^/", ["page"])]}
    with Nginx(tmp_path, [application.address], SECRET, options=options) as server:
        application.handler = WSGIHandler()
        yield server


@pytest.fixture
def plain(application: Application, tmp_path: Path) -> Iterator[Nginx]:
    """One that lets every parameter through."""
    with Nginx(tmp_path, [application.address], SECRET, name="plain", options={"public_port": ""}) as server:
        application.handler = WSGIHandler()
        yield server


def put_in_force(declare: Declare, server: Nginx, site: str, parameters: list[str] | None) -> None:
    """One without parameters has a node that can be emptied."""
    options = {"SECRET": SECRET, "EVERYTHING": not parameters}
    nginx = {"PROVIDER": PROVIDERS["nginx"], "NODES": [server.url], "OPTIONS": options}
    declare({"nginx": nginx}, SITES=[site], **({"QUERY_PARAMETERS": parameters} if parameters else {}))


def purges(server: Nginx) -> int:
    """Requests so far, by its own log; one of another kind empties it.

    Nginx logs a request once it has answered; its one process has logged all before the one that it logs now.
    """
    log, mark = server.folder / "access.log", f"/{uuid.uuid4().hex}"
    visit(server, f"http://log.example{mark}")
    wait_for(lambda: mark in log.read_text(), PATIENCE_SECONDS, "Nginx to log")
    return log.read_text().count('"PURGE ') + log.read_text().count('"PUT ')


def purged_by_an_edit(queue: Queue, server: Nginx) -> int:
    """So many requests."""
    before = purges(server)
    invalidation.invalidate(tags=["page:1"])
    drain.drain()
    queue.run()
    return purges(server) - before


@pytest.mark.parametrize("proxy", ["shipped", "plain"])
def test_c11_after_a_flood_an_edit_costs_what_it_did_before(
    request: pytest.FixtureRequest, proxy: str, site: str, queue: Queue, freshness_redis: redis.Redis
) -> None:
    server: Nginx = request.getfixturevalue(proxy)
    put_in_force(request.getfixturevalue("declare"), server, site, ["page"])
    assert visit(server, f"{site}/page/").status == 200
    before, size = purged_by_an_edit(queue, server), index.size(freshness_redis)
    for number in range(FLOOD):
        assert visit(server, f"{site}/page/?{number}={'x' * 1000}").status == 200
    assert index.size(freshness_redis) == size == (1, size[1])
    assert purged_by_an_edit(queue, server) == before == 1


def test_row_3_a_thousand_addresses_of_3_900_bytes_each_leave_redis_as_large_as_it_was(
    declare: Declare, plain: Nginx, site: str, freshness_redis: redis.Redis
) -> None:
    put_in_force(declare, plain, site, None)
    assert visit(plain, f"{site}/page/").status == 200
    before = taken(freshness_redis)
    for number in range(FLOOD):
        assert visit(plain, f"{site}/page/?{number}={'x' * 3900}").status == 200
    assert 0 < taken(freshness_redis) <= before + SLACK_BYTES


def taken(server: redis.Redis) -> int:
    """Bytes of all keys; what the server itself uses grows by its connections too."""
    return sum(int(server.memory_usage(key, samples=0) or 0) for key in server.scan_iter())


def test_c11_what_a_purge_removed_everywhere_leaves_the_index(
    declare: Declare, plain: Nginx, queue: Queue, freshness_redis: redis.Redis, site: str
) -> None:
    nginx = {"PROVIDER": PROVIDERS["nginx"], "NODES": [plain.url], "OPTIONS": {"SECRET": SECRET}}
    declare({"nginx": nginx}, SITES=[site], LONGEST_RENDER_SECONDS=0.01)
    for number in range(50):
        visit(plain, f"{site}/page/?{number}")
    registered = time.monotonic()
    while time.monotonic() < registered + 0.05:  # what was registered within two renders before a purge stays
        visit(plain, f"{site}/health/")
    assert purged_by_an_edit(queue, plain) == 50
    visit(plain, f"{site}/page/?7")
    assert rebounded(queue, plain) == 50
    expire_what_is_due(freshness_redis)
    assert index.urls_below(freshness_redis, [""]) == {f"{site}/page/?7"}
    assert purged_by_an_edit(queue, plain) == 1


def flood_without_parameters(declare: Declare, server: Nginx, site: str, pages: int) -> None:
    """Of a site that has declared none, so that every address is a page of its own."""
    put_in_force(declare, server, site, None)
    for number in range(pages):
        visit(server, f"{site}/page/?{number}")


def test_c11_above_a_few_hundred_calls_an_edit_takes_the_cheaper_verb_and_costs_what_it_did_before(
    declare: Declare, plain: Nginx, queue: Queue, freshness_redis: redis.Redis, site: str
) -> None:
    flood_without_parameters(declare, plain, site, 1)
    before = purged_by_an_edit(queue, plain)
    flood_without_parameters(declare, plain, site, 400)
    assert len(index.urls_below(freshness_redis, [""])) == 400
    assert purged_by_an_edit(queue, plain) <= before == 1
    row = Delivery.objects.latest("id")
    assert row.decisions == ["400 calls are above 300: 400 targets widened to everything"]
    assert not is_hit(visit(plain, f"{site}/page/?7"))


def test_an_edit_of_a_small_part_of_a_large_site_empties_nothing(
    declare: Declare, plain: Nginx, queue: Queue, freshness_redis: redis.Redis, site: str
) -> None:
    flood_without_parameters(declare, plain, site, 301)
    purged_by_an_edit(queue, plain)  # empties it, because the index is new
    for number in range(302):
        index.register(pipeline := freshness_redis.pipeline(), f"{site}/other/{number}/", ["other"], 60)
        pipeline.execute()
    assert purged_by_an_edit(queue, plain) == 301
    assert Delivery.objects.latest("id").decisions == []


def rebounded(queue: Queue, server: Nginx) -> int:
    """Requests of the second pass."""
    before = purges(server)
    let_pass(timedelta(minutes=1))
    rebound.rebound("default")
    queue.run()
    row = Delivery.objects.filter(delivery_pass="rebound").latest("id")
    assert row.status == "purged"
    return purges(server) - before


def expire_what_is_due(server: redis.Redis) -> None:
    """A minute later."""
    due: Any = server.zrangebyscore(scripts.EXPIRY_KEY, "-inf", int(time.time()) + 120)
    server.zadd(scripts.EXPIRY_KEY, dict.fromkeys(due, 1))
