"""What one save, batch, delivery and page cost, counted: a guard that times nothing. The numbers stand in the names.

Statements of a save are counted in `tests/unit/emission/test_counts.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from structlog.testing import capture_logs

from invalidation import conf
from invalidation.caching import fresh_start, tagged
from invalidation.contrib.celery.announcing import announce
from invalidation.http import add_cache_tags
from invalidation.http.etags import View
from invalidation.http.pages import cache_public_page
from invalidation.middleware import CachePolicyMiddleware, CacheTagMiddleware
from invalidation.models import Delivery, Event
from invalidation.pipeline.delivery import deliver
from invalidation.pipeline.intake import drain
from invalidation.pipeline.planning.plan import Plan
from invalidation.pipeline.planning.resolve import at_node, plan_targets
from invalidation.targets.values import Targets
from tests.fixtures.library.models import Genre
from tests.unit.counts.conftest import BROKER, CACHE, FRESHNESS, PATIENCE_SECONDS, Cache, Wire

pytestmark = [pytest.mark.django_db(transaction=True)]

TIERS = ("application", "inner", "edge")
BOUNDARIES = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")


def saved() -> Genre:
    """A row, loaded, whose first announcement is over."""
    Genre.objects.create(slug="prose")
    genre = Genre.objects.get()
    announce.process.announcer.flush(PATIENCE_SECONDS)
    genre.slug = "verse"
    return genre


def test_a_save_is_1_redis_command_1_message_0_requests_and_1_log_line(
    wire: Wire, broker: None, proxies: dict[str, Cache]
) -> None:
    genre = saved()
    with capture_logs() as lines, wire.counted() as commands:
        with transaction.atomic():
            genre.save()
        assert announce.process.announcer.flush(PATIENCE_SECONDS)
    assert by_database(commands) == {FRESHNESS: {"EVALSHA": 1}, BROKER: {"LPUSH": 1}}
    assert requests(proxies) == [0, 0, 0]
    assert [line["event"] for line in lines] == ["event_recorded"]


def by_database(commands: Counter[tuple[int, str]]) -> dict[int, dict[str, int]]:
    """The same, a mapping for each database."""
    found: dict[int, dict[str, int]] = {}
    for (database, name), count in commands.items():
        found.setdefault(database, {})[name] = count
    return found


def requests(proxies: dict[str, Cache]) -> list[int]:
    """So many at each."""
    return [len(cache.requests) for cache in proxies.values()]


def statements(queries: CaptureQueriesContext) -> list[str]:
    """Without the beginnings and ends of transactions."""
    return [query["sql"] for query in queries if not query["sql"].startswith(BOUNDARIES)]


def pending(*urls: str, **targets: Any) -> Event:
    """An event that nobody was told of."""
    return Event.objects.create(source="code", targets={"urls": list(urls), **targets})


def test_a_batch_for_4_caches_is_7_statements_5_redis_commands_18_requests_0_messages_and_1_log_line(
    wire: Wire, broker: None, proxies: dict[str, Cache]
) -> None:
    """Two URLs and a tag: three requests at each proxy, and once more for what was on its way to it."""
    pending("/warm/", tags=["library.genre"])
    drain.drain(inline_tiers=TIERS)
    forget(proxies)
    pending("/a/", "/b/", tags=["library.genre"])
    with capture_logs() as lines, wire.counted() as commands, CaptureQueriesContext(connection) as queries:
        drain.drain(inline_tiers=TIERS)
    assert len(statements(queries)) == 7, statements(queries)
    assert by_database(commands) == {FRESHNESS: {"EVALSHA": 3, "MGET": 1}, CACHE: {"DEL": 1}}
    assert requests(proxies) == [6, 6, 6]
    assert [line["event"] for line in lines] == ["batch_settled"]


def test_a_plan_for_a_cache_with_tags_is_0_redis_commands_and_2_in_1_round_trip_where_one_without_fills_from_it(
    wire: Wire, settings: Settings
) -> None:
    """What that one asks of the tag index is as many more for it: its pages, the index's name, who was emptied."""
    targets = Targets.of(tags=["library.genre"])
    with wire.counted() as alone:
        plan("inner", targets)
    tiers = settings.INVALIDATION["TIERS"]
    outer = {"PROVIDER": "invalidation.providers.nginx.Nginx", "OPTIONS": {"SECRET": "0" * 24, "EVERYTHING": True}}
    settings.INVALIDATION = {**settings.INVALIDATION, "TIERS": {**tiers, "edge": {**tiers["edge"], **outer}}}
    plan("edge", targets)  # loads the script that looks into the index
    with wire.counted() as inner:
        plan("inner", targets)
    with wire.counted() as outermost:
        plan("edge", targets)
    assert by_database(alone) == {}
    assert by_database(inner) == {FRESHNESS: {"EVAL": 1, "HMGET": 1}}
    assert by_database(outermost) == {FRESHNESS: {"EVALSHA": 1, "EVAL": 1, "HMGET": 1}}


def plan(tier: str, targets: Targets) -> Plan:
    """For the first node of the tier."""
    return at_node(plan_targets(targets, tier), targets, tier, conf.settings().tiers[tier].nodes[0])


def test_a_delivery_that_makes_another_ready_is_5_statements_1_redis_command_2_requests_1_message_and_0_log_lines(
    wire: Wire, broker: None, proxies: dict[str, Cache]
) -> None:
    deliver.deliver("default", last_of_two("/warm/").pk)
    delivery = last_of_two("/a/")
    forget(proxies)
    with capture_logs() as lines, wire.counted() as commands, CaptureQueriesContext(connection) as queries:
        deliver.deliver("default", delivery.pk)
    assert len(statements(queries)) == 5, statements(queries)
    assert by_database(commands) == {FRESHNESS: {"MGET": 1}, BROKER: {"LPUSH": 1}}
    assert requests(proxies) == [0, 2, 0]
    assert lines == []


def last_of_two(url: str) -> Delivery:
    """Of an event whose application cache and first inner proxy are purged, the second's; then comes the outer one."""
    pending(url, tags=["library.genre"])
    drain.drain(inline_tiers=["application"])
    first, last = Delivery.objects.filter(tier="inner", status="pending").order_by("id")
    deliver.deliver("default", first.pk)
    return last


def forget(proxies: dict[str, Cache]) -> None:
    """What they were asked so far."""
    for cache in proxies.values():
        cache.requests.clear()


def page(request: HttpRequest) -> HttpResponse:
    """Public for ten minutes, under two tags."""
    add_cache_tags(request, "library.genre", "library.genre:1")
    return HttpResponse("page", headers={"Cache-Control": "public, s-maxage=600"})


def served(view: View, rf: RequestFactory) -> Callable[[], object]:
    """The page as both middlewares serve it; connections and scripts are there already."""
    site = CacheTagMiddleware(CachePolicyMiddleware(view))
    site(rf.get("/counted/"))
    return lambda: site(rf.get("/counted/"))


def costs(wire: Wire, work: Callable[[], object]) -> tuple[dict[int, dict[str, int]], int, int]:
    """Redis commands, statements and log lines."""
    with capture_logs() as lines, wire.counted() as commands, CaptureQueriesContext(connection) as queries:
        work()
    return by_database(commands), len(queries), len(lines)


def test_a_page_for_shared_caches_is_2_redis_commands_0_statements_and_0_log_lines(
    wire: Wire, rf: RequestFactory
) -> None:
    assert costs(wire, served(page, rf)) == ({FRESHNESS: {"GET": 1, "EVALSHA": 1}}, 0, 0)


def test_a_page_that_nobody_may_store_is_1_redis_command(wire: Wire, rf: RequestFactory) -> None:
    assert costs(wire, served(lambda _: HttpResponse("mine"), rf)) == ({FRESHNESS: {"GET": 1}}, 0, 0)


def test_a_page_from_the_application_cache_is_3_redis_commands(wire: Wire, rf: RequestFactory) -> None:
    stored = cache_public_page(60, tags=["library.genre"])(page)
    assert costs(wire, served(stored, rf)) == ({FRESHNESS: {"GET": 1, "EVALSHA": 1}, CACHE: {"MGET": 1}}, 0, 0)


def test_a_cached_value_is_1_redis_command(wire: Wire) -> None:
    with fresh_start():
        tagged.get_or_set("value", lambda: 1, tags=["library.genre"])
        tagged.get_or_set("value", lambda: 1, tags=["library.genre"])
    found = costs(wire, lambda: tagged.get_or_set("value", lambda: 2, tags=["library.genre"]))
    assert found == ({CACHE: {"MGET": 1}}, 0, 0)
