"""What the guard does to a response: its headers, its lifetime, and what that costs on Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
import redis
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponseBase
from django.test import AsyncClient, Client, RequestFactory
from pytest_django import Settings

from deploy.local import Redis
from invalidation.emission import instants
from invalidation.freshness import index, sequence
from invalidation.freshness.redis_pause import redis_pause
from invalidation.models import Event
from invalidation.monitor.freshness import freshness
from tests.integration.freshness.conftest import Declare
from tests.integration.freshness.pages import PUBLIC, state

NGINX = {
    "PROVIDER": "invalidation.providers.nginx.Nginx",
    "NODES": ["http://127.0.0.1:1"],
    "OPTIONS": {"SECRET": "never-sent-anywhere"},
}
SHORT = "public, max-age=0, s-maxage=10"


@pytest.fixture(autouse=True)
def _declared(declare: Declare) -> None:
    declare({"nginx": NGINX})


@pytest.fixture
def own_redis(tmp_path: Any, declare: Declare) -> Iterator[Redis]:
    """A Redis that the test may freeze."""
    with Redis(tmp_path, name="own") as server:
        declare({"nginx": NGINX}, REDIS_URL=server.url())
        yield server
        server.thaw()


def during_render(monkeypatch: pytest.MonkeyPatch, client: redis.Redis, *names: str) -> None:
    """These are invalidated by the time the view has read its version."""
    read = type(state).read

    def read_and_invalidate(self: Any) -> int:
        version = read(self)
        sequence.advance(client, names)
        return version

    monkeypatch.setattr(type(state), "read", read_and_invalidate)


def get(path: str = "/page/", **headers: str) -> HttpResponseBase:
    return Client().get(path, headers=headers)


def test_a_cacheable_response_carries_the_sequence_of_its_beginning(freshness_redis: redis.Redis) -> None:
    began = sequence.advance(freshness_redis, [])
    answer = get()
    assert answer["X-Cache-Sequence"] == str(began)
    assert answer["Cache-Control"] == PUBLIC


@pytest.mark.parametrize("name", ["page:1", "http://testserver/page/", "*"])
def test_a_response_that_was_invalidated_while_it_rendered_is_not_stored(
    name: str, freshness_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    during_render(monkeypatch, freshness_redis, name)
    assert get()["Cache-Control"] == "no-store"


def test_the_same_in_an_async_view(freshness_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    during_render(monkeypatch, freshness_redis, "page:1")
    answer = asyncio.run(AsyncClient().get("/async/"))
    assert answer["Cache-Control"] == "no-store"


def test_other_invalidations_do_not_matter(freshness_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    during_render(monkeypatch, freshness_redis, "page:2")
    assert get()["Cache-Control"] == PUBLIC


@pytest.mark.parametrize("name", ["CDN-Cache-Control", "Surrogate-Control", "Expires"])
def test_no_store_leaves_no_other_header_that_gives_a_life(
    name: str, freshness_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.headers |= {name: "max-age=60" if name != "Expires" else "Wed, 21 Oct 2099 07:28:00 GMT"}
    during_render(monkeypatch, freshness_redis, "page:1")
    answer = get()
    assert name not in answer
    assert answer["Cache-Control"] == "no-store"


def test_a_not_modified_answer_is_guarded_too_because_it_renews_the_copy(
    settings: Any, freshness_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.http.ConditionalGetMiddleware"]
    tag = get()["ETag"]
    assert get(if_none_match=tag).status_code == 304
    during_render(monkeypatch, freshness_redis, "page:1")
    answer = get(if_none_match=tag)
    assert (answer.status_code, answer["Cache-Control"]) == (304, "no-store")


@pytest.mark.parametrize("control", ["private, max-age=60", "no-store", "no-cache", "max-age=0", ""])
def test_a_response_that_nobody_may_store_is_left_alone(control: str, freshness_redis: redis.Redis) -> None:
    state.headers = {"Cache-Control": control} if control else {}
    answer = get()
    assert answer.get("Cache-Control", "") == control
    assert "X-Cache-Sequence" not in answer
    assert not index.urls_below(freshness_redis, [""])


@pytest.mark.parametrize("forbids", ["private", "no-store", "no-cache"])
@pytest.mark.parametrize(
    ("name", "allows"),
    [("Surrogate-Control", "max-age=60"), ("CDN-Cache-Control", "max-age=60"), ("X-Accel-Expires", "60")],
)
def test_row_6_a_page_that_one_header_forbids_and_another_allows_does_not_pass_untagged(
    name: str, allows: str, forbids: str, freshness_redis: redis.Redis
) -> None:
    state.headers = {"Cache-Control": forbids, name: allows}
    answer = get()
    assert answer["Cache-Control"] == forbids
    assert "X-Cache-Sequence" in answer
    assert index.urls_of(freshness_redis, ["page:1"])[0] == {"http://testserver/page/"}


def test_two_round_trips_per_cacheable_response(freshness_redis: redis.Redis) -> None:
    get()
    server: Any = freshness_redis
    with server.monitor() as monitor:
        get()
        freshness_redis.echo("end")
        commands = []
        for command in monitor.listen():
            verb = command["command"].split()[0]
            if verb == "ECHO":
                break
            if command["client_type"] != "lua" and verb not in ("HELLO", "CLIENT", "SELECT"):
                commands.append(verb)
    assert commands == ["GET", "EVALSHA"]


def test_redis_away_means_a_short_life_and_no_sequence(own_redis: Redis) -> None:
    own_redis.stop()
    answer = get()
    assert answer["Cache-Control"] == SHORT
    assert "X-Cache-Sequence" not in answer
    assert answer.status_code == 200


def pause(server: Redis, milliseconds: int) -> None:
    """It answers nobody for so long, as on a machine whose processors are all taken."""
    with redis.Redis.from_url(server.url()) as client:
        client.client_pause(milliseconds)


def test_one_slow_answer_of_redis_degrades_no_page(own_redis: Redis) -> None:
    get()
    pause(own_redis, 400)
    assert [get()["Cache-Control"] for _ in range(3)] == [PUBLIC] * 3


def test_a_redis_that_was_slow_for_longer_is_believed_again_once_it_answers(own_redis: Redis) -> None:
    get()
    pause(own_redis, 1600)
    started = time.monotonic()
    assert get()["Cache-Control"] == SHORT
    while get()["Cache-Control"] != PUBLIC:
        assert time.monotonic() - started < 1.6 + 1


def test_a_frozen_redis_costs_two_tries_once_and_nothing_ever_after(
    own_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    get()
    asked: list[object] = []
    current = sequence.current

    def count(server: redis.Redis) -> int:
        asked.append(server)
        return current(server)

    monkeypatch.setattr(sequence, "current", count)
    own_redis.freeze()
    started = time.monotonic()
    assert get()["Cache-Control"] == SHORT
    assert time.monotonic() - started < 0.25 + 1 + 0.5
    until = time.monotonic() + 3  # longer than a pause
    while time.monotonic() < until:
        assert get()["Cache-Control"] == SHORT
    assert len(asked) == 2


def test_pages_have_their_whole_life_again_soon_after_redis_is_back(own_redis: Redis) -> None:
    own_redis.freeze()
    assert get()["Cache-Control"] == SHORT
    own_redis.thaw()
    deadline = time.monotonic() + 5
    while get()["Cache-Control"] != PUBLIC:
        assert time.monotonic() < deadline


def test_without_a_thread_in_the_background_one_caller_tries_after_a_pause(
    declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(REDIS_PAUSE_SECONDS=60)
    monkeypatch.setattr(type(redis_pause), "_start_probe", lambda _: None)
    redis_pause.note(TimeoutError())
    redis_pause.until = time.monotonic() - 1
    assert [redis_pause.may_ask(), redis_pause.may_ask()] == [True, False]
    redis_pause.over()
    assert redis_pause.may_ask()


def test_a_redis_that_is_named_anew_is_asked_at_once(
    own_redis: Redis, redis_server: Redis, freshness_redis: redis.Redis, settings: Settings
) -> None:
    own_redis.freeze()
    assert get()["Cache-Control"] == SHORT
    settings.INVALIDATION = {**settings.INVALIDATION, "REDIS_URL": redis_server.url(5)}
    assert get()["Cache-Control"] == PUBLIC


def test_what_was_degraded_is_counted_by_reason_and_shown_by_the_monitor(own_redis: Redis) -> None:
    own_redis.freeze()
    get()
    get()
    own_redis.thaw()
    Client().get("/page/", headers={"host": "elsewhere.test"})
    deadline = time.monotonic() + 5
    while get()["Cache-Control"] != PUBLIC:
        assert time.monotonic() < deadline
    counted = freshness().degraded_pages
    assert counted["redis"] >= 2
    assert (counted["origin"], counted["room"], counted["address"]) == (counted["origin"], 0, 0)


def test_redis_going_away_while_a_page_renders_shortens_its_life(
    own_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    get()
    monkeypatch.setattr(type(state), "read", lambda _: own_redis.freeze())
    assert get()["Cache-Control"] == SHORT


@pytest.mark.parametrize("control", ["public, s-maxage=600", "max-age=300, s-maxage=600, stale-while-revalidate=60"])
def test_the_short_life_replaces_the_view_s_own(control: str, own_redis: Redis) -> None:
    own_redis.stop()
    state.headers = {"Cache-Control": control, "Expires": "Wed, 21 Oct 2099 07:28:00 GMT"}
    answer = get()
    assert answer["Cache-Control"] == SHORT
    assert "Expires" not in answer


def test_a_life_by_expires_alone_is_shortened_too(own_redis: Redis) -> None:
    own_redis.stop()
    state.headers = {"Expires": "Wed, 21 Oct 2099 07:28:00 GMT"}
    assert get()["Cache-Control"] == SHORT


@pytest.mark.parametrize("accelerated", ["600", "@4102444800"])
def test_what_nginx_alone_would_keep_is_tagged_and_shortened_too(accelerated: str, own_redis: Redis) -> None:
    state.headers = {"X-Accel-Expires": accelerated, "Cache-Control": "private"}
    assert "X-Cache-Sequence" in get()
    own_redis.stop()
    assert get()["X-Accel-Expires"] == "10"


def test_shortening_for_a_cdn_never_makes_a_private_page_public(own_redis: Redis) -> None:
    own_redis.stop()
    state.headers = {"Cache-Control": "private, max-age=600", "CDN-Cache-Control": "max-age=600"}
    answer = get()
    assert answer["Cache-Control"] == "private, max-age=600"
    assert answer["CDN-Cache-Control"] == SHORT


def test_a_page_that_the_index_has_no_room_for_lives_shortly(freshness_redis: redis.Redis, declare: Declare) -> None:
    declare({"nginx": NGINX}, INDEX_MAX_URLS=1)
    assert get("/first/")["Cache-Control"] == PUBLIC
    assert get("/second/")["Cache-Control"] == SHORT


def test_where_every_tier_purges_by_tag_a_full_index_does_not_matter(declare: Declare) -> None:
    varnish = {**NGINX, "PROVIDER": "invalidation.providers.varnish.Varnish"}
    declare({"varnish": varnish}, INDEX_MAX_URLS=0)
    assert get()["Cache-Control"] == PUBLIC


def test_a_page_of_a_host_that_no_purge_is_sent_for_lives_shortly(freshness_redis: redis.Redis) -> None:
    answer = Client().get("/page/", headers={"host": "elsewhere.test"})
    assert answer["Cache-Control"] == SHORT
    assert not index.urls_below(freshness_redis, [""])


@pytest.mark.parametrize(
    "target", ["/page/?made-up", "/page/?page=2&page=3", "/other/?page=2", f"/{'x' * 1100}/", "/p%61ge/"]
)
def test_c11_a_page_that_is_not_worth_an_entry_lives_shortly(
    target: str, freshness_redis: redis.Redis, declare: Declare
) -> None:
    declare({"nginx": NGINX}, QUERY_PARAMETERS={"^/page/": ["page"]})
    assert Client().get(target, RAW_URI=target)["Cache-Control"] == SHORT
    assert index.size(freshness_redis) == (0, 0)
    assert get("/page/?page=2")["Cache-Control"] == PUBLIC
    assert index.urls_below(freshness_redis, [""]) == {"http://testserver/page/?page=2"}


@pytest.mark.parametrize("target", ["/caf%c3%a9/", "//double//", "/a%2Fb/?", "/x/?b=1&a=2"])
def test_the_index_holds_the_target_as_it_was_sent(target: str, freshness_redis: redis.Redis) -> None:
    Client().get("/page/", RAW_URI=target)
    assert index.urls_of(freshness_redis, ["page:1"])[0] == {f"http://testserver{target}"}


def test_the_same_under_asgi(freshness_redis: redis.Redis) -> None:
    asyncio.run(AsyncClient().get("/async/?b=1&a=2"))
    assert index.urls_of(freshness_redis, ["page:1"])[0] == {"http://testserver/async/?b=1&a=2"}


@pytest.mark.django_db
def test_a_streamed_page_that_was_invalidated_meanwhile_purges_itself(freshness_redis: redis.Redis) -> None:
    answer = Client().get("/stream/")
    sequence.advance(freshness_redis, ["page:1"])
    assert b"".join(answer.streaming_content) == b"version 1"  # type: ignore[attr-defined]
    event = Event.objects.get()
    assert (event.source, event.targets) == ("recheck", {"urls": ["http://testserver/stream/"]})


@pytest.mark.django_db
def test_a_streamed_page_that_is_still_current_does_not(freshness_redis: redis.Redis) -> None:
    answer = Client().get("/stream/")
    assert answer["Cache-Control"] == PUBLIC
    assert b"".join(answer.streaming_content) == b"version 1"  # type: ignore[attr-defined]
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_for_an_async_stream(freshness_redis: redis.Redis) -> None:
    async def visit() -> bytes:
        answer = await AsyncClient().get("/stream-async/")
        sequence.advance(freshness_redis, ["page:1"])
        return b"".join([part async for part in answer.streaming_content])  # type: ignore[attr-defined]

    assert asyncio.run(visit()) == b"version 1"
    assert Event.objects.get().source == "recheck"


def answered() -> tuple[Any, Any]:
    """A page as a server gets it: its parts, and what a server does once they are sent."""
    environment, start_response = RequestFactory().get("/page/").environ, Mock()
    parts: Any = WSGIHandler()(environment, start_response)
    return b"".join(parts), parts.close


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("late", [True, False])
def test_a_page_that_took_longer_to_be_sent_than_the_second_purge_waits_purges_itself_if_it_is_old(
    late: bool, declare: Declare, freshness_redis: redis.Redis
) -> None:
    declare({"nginx": NGINX}, TRANSFER_SECONDS=1e-9 if late else 60)
    _, sent = answered()
    sequence.advance(freshness_redis, ["page:1"])
    sent()
    expected = [("recheck", {"urls": ["http://testserver/page/"]})] if late else []
    assert list(Event.objects.values_list("source", "targets")) == expected


@pytest.mark.django_db(transaction=True)
def test_one_that_is_still_current_when_it_was_sent_late_does_not(
    declare: Declare, freshness_redis: redis.Redis
) -> None:
    declare({"nginx": NGINX}, TRANSFER_SECONDS=1e-9)
    _, sent = answered()
    sent()
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_that_nobody_may_store_purges_nothing_however_late_it_was_sent(
    declare: Declare, freshness_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare({"nginx": NGINX}, TRANSFER_SECONDS=1e-9)
    during_render(monkeypatch, freshness_redis, "page:1")
    _, sent = answered()
    sent()
    assert not Event.objects.exists()


def test_the_stamps_are_read_after_everything_else_that_takes_time(
    freshness_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is invalidated while the next instant is looked for is seen."""

    def looked(*_: Any) -> frozenset[str]:
        sequence.advance(freshness_redis, ["page:1"])
        return frozenset()

    monkeypatch.setattr(instants, "timed", looked)
    assert get()["Cache-Control"] == "no-store"


def test_a_page_with_too_many_tags_for_the_cache_is_not_stored(declare: Declare) -> None:
    varnish = {**NGINX, "PROVIDER": "invalidation.providers.varnish.Varnish"}
    declare({"varnish": varnish})
    state.tags = tuple(f"a-rather-long-tag:{number}" for number in range(1000))
    answer = get()
    assert answer["Cache-Control"] == "no-store"
    assert "xkey" not in answer
