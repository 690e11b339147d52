"""What a purge means by going, at a real Nginx over a real Varnish: gone, shown once more, or fetched again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

import invalidation
from deploy.local import Nginx, Redis, Varnish, wait_for
from invalidation.freshness import index
from invalidation.models import Batch, BatchStatus, Event
from invalidation.pipeline.aftercare import rebound, verify
from invalidation.pipeline.aftercare.refresh import Refreshed, refresh
from invalidation.pipeline.intake import drain
from invalidation.rows import batches
from tests.fixtures.servers import SECRET
from tests.providers.test_pipeline import tier
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import is_hit, visit, warm

pytestmark = pytest.mark.django_db

TAG = "blog.post:1"
VISITORS = 200
TIERS = ("varnish", "nginx")
#: Redis database of the index.
INDEX = 9


@pytest.fixture(scope="module")
def outer(state_folder: Path, varnish_server: Varnish) -> Iterator[Nginx]:
    """An Nginx that fills from the Varnish of the run."""
    with Nginx(state_folder, [f"127.0.0.1:{varnish_server.port}"], SECRET, name="modes") as server:
        yield server


@dataclass(frozen=True)
class Around:
    """Both tiers, the application behind them, and the index of what they hold."""

    site: str
    varnish: Varnish
    outer: Nginx
    origin: Origin
    index: redis.Redis

    def hold(self, *paths: str) -> None:
        """Let both have these pages, and the index know of them, as the middleware would tell it."""
        for path in paths:
            self.origin.pages[path].headers["xkey"] = TAG
            warm(self.outer, f"{self.site}{path}")
            assert index.registered(self.index, f"{self.site}{path}", [TAG], 600, ())[0]

    def first(self, path: str) -> tuple[bool, str]:
        """Is the visitor who asks the outer one now spared waiting, and what does he see?"""
        answer = visit(self.outer, f"{self.site}{path}")
        return is_hit(answer), answer.text


@pytest.fixture
def around(settings: Settings, redis_server: Redis, varnish_server: Varnish, outer: Nginx, origin: Origin) -> Around:
    """A chain whose rebounds are due at once."""
    site, client = f"http://{uuid4().hex}.test", redis.Redis.from_url(redis_server.url(INDEX), decode_responses=True)
    client.flushdb()
    tiers = {"varnish": tier("Varnish", varnish_server), "nginx": tier("Nginx", outer, fills_from=("varnish",))}
    for declared in tiers.values():
        del declared["REBOUND_SECONDS"]
    common = {"SITES": [site], "REDIS_URL": redis_server.url(INDEX), "LONGEST_RENDER_SECONDS": 0.05}
    settings.INVALIDATION = {"TIERS": tiers, **common}
    return Around(site, varnish_server, outer, origin, client)


Purge = Callable[..., Batch]


@pytest.fixture
def purge() -> Purge:
    """One invalidation, drained and delivered here."""

    def purged(**what: Any) -> Batch:
        event = invalidation.invalidate(**what)
        assert event
        drain.drain(inline_tiers=TIERS)
        event.refresh_from_db()
        assert event.batch
        assert event.batch.status == BatchStatus.DONE
        return event.batch

    return purged


def test_after_a_delete_the_first_visitor_waits_for_a_new_copy(around: Around, purge: Purge) -> None:
    around.hold("/a/")
    purge(tags=[TAG], urls=["/a/"])
    assert refresh("default").requests == 0
    assert around.first("/a/") == (False, "version 1")


def test_after_a_refresh_the_first_visitor_of_every_tier_meets_a_new_copy(around: Around, purge: Purge) -> None:
    around.hold("/a/", "/b/")
    for path in ("/a/", "/b/"):
        around.origin.change(path)
    purge(tags=[TAG], urls=["/a/", "/never-asked-for/"], mode="refresh")
    asked = len(around.origin.requests)
    assert str(refresh("default")) == "4 requests for 2 pages of 1 batches, 0 failed, 0 left to visitors"
    for path in ("/a/", "/b/"):
        assert around.first(path) == (True, "version 2")
        assert is_hit(visit(around.varnish, f"{around.site}{path}"))
    assert len(around.origin.requests) - asked == 2


def test_what_a_rebound_removes_of_a_refresh_is_fetched_again_too(around: Around, purge: Purge) -> None:
    around.hold("/a/")
    due_at = purge(tags=[TAG], mode="refresh").rebound_at
    refresh("default")
    assert due_at
    wait_for(lambda: timezone.now() > due_at, 5, "the rebound to be due")
    around.origin.change("/a/")
    assert rebound.rebound("default", inline_tiers=TIERS).batches == 1
    assert refresh("default").urls == 1
    assert refresh("default") == Refreshed()
    assert around.first("/a/") == (True, "version 2")


def test_the_pages_that_were_rendered_last_are_fetched_and_no_more_than_the_limit(
    around: Around, purge: Purge, settings: Settings
) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "LIMITS": {"REFRESH_URLS": 2}}
    around.hold("/a/", "/b/", "/c/")
    purge(tags=[TAG], mode="refresh")
    assert refresh("default").urls == 2
    assert [around.first(path)[0] for path in ("/a/", "/b/", "/c/")] == [False, True, True]


def test_pages_are_fetched_no_faster_than_all_workers_together_may(
    around: Around, purge: Purge, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "LIMITS": {"REFRESH_REQUESTS_PER_SECOND": 0.001}}
    turn = "invalidation.pipeline.aftercare.refresh.TURN_SECONDS"
    monkeypatch.setattr(turn, 5.0)  # long enough for the four, however busy the machine is
    around.hold(*(f"/{number}/" for number in range(10)))
    purge(tags=[TAG], mode="refresh")
    with capture_logs() as logs:
        done = refresh("default")
    monkeypatch.setattr(turn, 0.5)
    assert (done.requests, done.left_out) == (4, 16)
    (line,) = (line for line in logs if line["event"] == "refresh_incomplete")
    assert line["left_out"] == 16
    purge(tags=[TAG], mode="refresh")
    assert refresh("default").requests == 0


def test_a_page_that_cannot_be_fetched_is_left_to_visitors_and_named(around: Around, purge: Purge) -> None:
    around.hold("/a/")
    around.origin.pages["/a/"].status = 503
    purge(tags=[TAG], mode="refresh")
    with capture_logs() as logs:
        assert refresh("default").failures == 2
    (line,) = (line for line in logs if line["event"] == "refresh_incomplete")
    assert f"{around.site}/a/: answered 503" in line["first"]


def test_what_nobody_came_to_within_a_minute_is_left_to_visitors(around: Around, purge: Purge) -> None:
    around.hold("/a/", "/b/")
    late = purge(urls=["/a/"], mode="refresh")
    Batch.objects.filter(pk=late.pk).update(completed_at=timezone.now() - timedelta(seconds=61))
    purge(urls=["/b/"], mode="refresh")
    with capture_logs() as logs:
        assert refresh("default").urls == 1
    assert [line["batches"] for line in logs if line["event"] == "refreshes_too_late"] == [1]
    assert [around.first(path)[0] for path in ("/a/", "/b/")] == [False, True]
    assert not batches.to_refresh("default").exists()


@pytest.mark.parametrize("status", [301, 404, 410])
def test_a_page_that_is_no_more_is_no_failure_of_a_refresh(around: Around, purge: Purge, status: int) -> None:
    around.hold("/a/")
    around.origin.pages["/a/"].status = status
    purge(tags=[TAG], mode="refresh")
    assert str(refresh("default")) == "2 requests for 1 pages of 1 batches, 0 failed, 0 left to visitors"


def test_a_stampede_at_a_purge_reaches_the_application_once(around: Around, purge: Purge) -> None:
    around.hold("/a/")
    around.origin.change("/a/")
    around.origin.pages["/a/"].delay_seconds = 0.3
    purge(urls=["/a/"])
    asked = len(around.origin.requests)
    with ThreadPoolExecutor(VISITORS) as visitors:
        texts = {text for _, text in visitors.map(lambda _: around.first("/a/"), range(VISITORS))}
    assert texts == {"version 2"}
    assert len(around.origin.requests) - asked == 1


def test_a_tier_that_another_fills_from_is_never_purged_softly(around: Around, purge: Purge) -> None:
    around.hold("/a/")
    around.origin.change("/a/")
    purge(urls=["/a/"], mode="invalidate")
    assert visit(around.varnish, f"{around.site}/a/").text == "version 2"
    assert around.first("/a/")[1] == "version 2"


@pytest.fixture
def alone(settings: Settings, redis_server: Redis, around: Around) -> Around:
    """The same without the outer one: Varnish is the outermost tier."""
    declared = {"varnish": tier("Varnish", around.varnish)}
    settings.INVALIDATION = {"TIERS": declared, "SITES": [around.site], "REDIS_URL": redis_server.url(INDEX)}
    return around


def text(around: Around, path: str) -> str:
    """What Varnish shows."""
    return visit(around.varnish, f"{around.site}{path}").text


def test_after_an_invalidate_the_outermost_tier_shows_its_old_copy_once_more(alone: Around, purge: Purge) -> None:
    warm(alone.varnish, f"{alone.site}/a/")
    alone.origin.change("/a/")
    purge(urls=["/a/"], mode="invalidate")
    assert text(alone, "/a/") == "version 1"
    wait_for(lambda: text(alone, "/a/") == "version 2", 5, "the new version")


def test_verification_does_not_call_stale_what_is_shown_once_more(alone: Around, purge: Purge) -> None:
    headers = alone.origin.pages["/a/"].headers
    headers["X-Cache-Sequence"] = "1"
    warm(alone.varnish, f"{alone.site}/a/")
    batch = purge(urls=["/a/"], mode="invalidate")
    assert batch.sequence
    headers["X-Cache-Sequence"] = str(batch.sequence + 1)
    (row,) = verify.check("default", batch, [f"{alone.site}/a/"])
    assert (row.stale, row.error, row.sequence) == (False, "", batch.sequence + 1)


@pytest.mark.parametrize(("lane", "shown"), [("editorial", "version 1"), ("takedown", "version 2")])
def test_a_takedown_is_never_shown_once_more_whatever_its_tier_says(
    alone: Around, purge: Purge, settings: Settings, lane: str, shown: str
) -> None:
    declare_modes(settings, varnish="invalidate")
    warm(alone.varnish, f"{alone.site}/a/")
    alone.origin.change("/a/")
    purge(urls=["/a/"], lane=lane)
    assert text(alone, "/a/") == shown


def declare_modes(settings: Settings, **modes: str) -> None:
    """Give tiers modes of their own."""
    tiers = settings.INVALIDATION["TIERS"]
    settings.INVALIDATION = {
        **settings.INVALIDATION,
        "TIERS": tiers | {name: tiers[name] | {"MODE": mode} for name, mode in modes.items()},
    }


def test_a_tier_of_the_mode_delete_shows_nothing_once_more_whatever_the_call_says(
    alone: Around, purge: Purge, settings: Settings
) -> None:
    declare_modes(settings, varnish="delete")
    warm(alone.varnish, f"{alone.site}/a/")
    alone.origin.change("/a/")
    purge(urls=["/a/"], mode="invalidate")
    assert text(alone, "/a/") == "version 2"


def test_a_tier_of_the_mode_refresh_is_asked_again_after_every_purge_and_no_other(
    around: Around, purge: Purge, settings: Settings
) -> None:
    declare_modes(settings, varnish="refresh")
    around.hold("/a/")
    around.origin.change("/a/")
    purge(tags=[TAG], urls=["/a/"])
    assert str(refresh("default")) == "1 requests for 1 pages of 1 batches, 0 failed, 0 left to visitors"
    answer = visit(around.outer, f"{around.site}/a/")
    assert (answer.headers["X-Cache-Status"], answer.text) == ("MISS", "version 2")
    assert is_hit(visit(around.varnish, f"{around.site}/a/"))


def test_a_tier_of_the_mode_delete_is_left_out_by_a_refresh(around: Around, purge: Purge, settings: Settings) -> None:
    declare_modes(settings, nginx="delete")
    around.hold("/a/")
    purge(tags=[TAG], urls=["/a/"], mode="refresh")
    assert refresh("default").requests == 1
    assert visit(around.outer, f"{around.site}/a/").headers["X-Cache-Status"] == "MISS"


def test_a_purge_of_other_tiers_asks_no_tier_of_the_mode_refresh(
    around: Around, purge: Purge, settings: Settings
) -> None:
    declare_modes(settings, varnish="refresh")
    around.hold("/a/")
    purge(tags=[TAG], urls=["/a/"], tiers=["nginx"])
    assert refresh("default") == Refreshed()


def test_a_rebound_of_a_tier_s_refresh_is_fetched_again_too(around: Around, purge: Purge, settings: Settings) -> None:
    declare_modes(settings, varnish="refresh")
    around.hold("/a/")
    due_at = purge(tags=[TAG]).rebound_at
    refresh("default")
    assert due_at
    wait_for(lambda: timezone.now() > due_at, 5, "the rebound to be due")
    assert rebound.rebound("default", inline_tiers=TIERS).batches == 1
    assert refresh("default").requests == 1


def test_events_of_another_mode_are_not_merged_into_one_batch(around: Around) -> None:
    modes = ("delete", "refresh", "delete", "invalidate")
    for mode in modes:
        invalidation.invalidate(urls=["/a/"], mode=mode, reason=mode)
    drain.drain(inline_tiers=TIERS)
    made = Event.objects.values_list("reason", "batch__mode")
    assert dict(made) == {mode: mode for mode in modes}
