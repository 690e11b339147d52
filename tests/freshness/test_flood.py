"""C11: a flood of made-up addresses costs whoever sends it; an edit after it costs what it did before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.core.handlers.wsgi import WSGIHandler

import invalidation
from deploy.local import Nginx
from deploy.local.templates import Value
from invalidation.freshness import index
from invalidation.models import Delivery
from invalidation.pipeline import drain
from tests.fixtures.servers import SECRET
from tests.freshness.conftest import PROVIDERS, Application, Declare
from tests.pipeline.chain import Queue
from tests.stand_ins.visitor import visit

pytestmark = pytest.mark.django_db(transaction=True)
FLOOD = 1000


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


def put_in_force(declare: Declare, server: Nginx, site: str) -> None:
    nginx = {"PROVIDER": PROVIDERS["nginx"], "NODES": [server.url], "OPTIONS": {"SECRET": SECRET}}
    declare({"nginx": nginx}, SITES=[site], QUERY_PARAMETERS=["page"])


def calls_of_an_edit(queue: Queue) -> int:
    invalidation.invalidate(tags=["page:1"])
    drain.drain()
    queue.run()
    return Delivery.objects.latest("id").calls


@pytest.mark.parametrize("proxy", ["shipped", "plain"])
def test_c11_after_a_flood_an_edit_costs_what_it_did_before(
    request: pytest.FixtureRequest, proxy: str, site: str, queue: Queue, freshness_redis: redis.Redis
) -> None:
    server: Nginx = request.getfixturevalue(proxy)
    put_in_force(request.getfixturevalue("declare"), server, site)
    assert visit(server, f"{site}/page/").status == 200
    before, size = calls_of_an_edit(queue), index.size(freshness_redis)
    for number in range(FLOOD):
        assert visit(server, f"{site}/page/?{number}={'x' * 1000}").status == 200
    assert index.size(freshness_redis) == size == (1, size[1])
    assert calls_of_an_edit(queue) == before == 1
