"""The application tier: keys of any alias and version, patterns, fragments and whole pages, on real Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.test import RequestFactory
from django.views.decorators.cache import cache_page
from django.views.decorators.vary import vary_on_headers

from deploy.local import Redis, wait_for
from invalidation import keys
from invalidation.exceptions import RejectedError, TransientError
from invalidation.pipeline.planning.plan import Step
from invalidation.providers.redis import Redis as Tier
from invalidation.targets.values import CacheKey, Targets

BACKEND = "django_redis.cache.RedisCache"
Declare = Callable[..., None]


@pytest.fixture
def declare_caches(settings: Any) -> Declare:
    """Put CACHES and sites in force."""

    def declare(**aliases: dict[str, Any]) -> None:
        settings.CACHES = aliases
        settings.INVALIDATION = {"TIERS": {}, "SITES": ["http://testserver"]}

    return declare


@pytest.fixture
def tier(declare_caches: Declare, redis_server: Redis, tmp_path: Path) -> Iterator[Tier]:
    """Two aliases on one Redis, told apart by their prefix, and a cache without keys to list."""
    location = redis_server.url(6)
    declare_caches(
        default={"BACKEND": BACKEND, "LOCATION": location, "KEY_PREFIX": "own[1]"},
        other={"BACKEND": BACKEND, "LOCATION": location, "KEY_PREFIX": "other", "VERSION": 3},
        files={"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": str(tmp_path)},
    )
    caches["default"].clear()
    yield Tier("cache", "", {"CACHES": ["default"]})
    caches["default"].clear()


def fill(alias: str, *names: str, version: int | None = None) -> None:
    caches[alias].set_many(dict.fromkeys(names, 1), version=version)


def held(alias: str, *names: str, version: int | None = None) -> list[str]:
    return sorted(caches[alias].get_many(names, version=version))


def test_keys_of_any_alias_and_version_are_removed_and_counted(tier: Tier) -> None:
    fill("default", "a", "b")
    fill("other", "a", "b")
    fill("other", "a", version=7)
    reply = tier.purge_keys([CacheKey("a"), CacheKey("a", "other"), CacheKey("a", "other", 7), CacheKey("missing")])
    assert reply.removed == 3
    assert held("default", "a", "b") == held("other", "a", "b") == ["b"]
    assert held("other", "a", version=7) == []


def test_a_pattern_removes_what_matches_in_its_alias_and_version_alone(tier: Tier) -> None:
    fill("default", "post:1:summary", "post:2:summary", "post:1:body")
    fill("default", "post:1:summary", version=2)
    fill("other", "post:1:summary")
    assert tier.purge_keys([keys.pattern("post:*:summary")]).removed == 2
    assert held("default", "post:1:summary", "post:2:summary", "post:1:body") == ["post:1:body"]
    assert held("default", "post:1:summary", version=2) == ["post:1:summary"]
    assert held("other", "post:1:summary") == ["post:1:summary"]


def test_a_pattern_removes_thousands_of_keys_by_scan(tier: Tier) -> None:
    fill("default", *(f"many:{number}" for number in range(2500)), "one")
    assert tier.purge_keys([keys.pattern("many:*")]).removed == 2500
    assert held("default", "one") == ["one"]


def test_a_cache_that_can_not_list_its_keys_refuses_a_pattern(tier: Tier) -> None:
    with pytest.raises(RejectedError, match="only caches of django-redis"):
        tier.purge_keys([keys.pattern("a*", alias="files")])


def test_everything_empties_the_alias_and_leaves_others_on_the_same_redis(tier: Tier) -> None:
    fill("default", "a")
    fill("default", "a", version=9)
    fill("other", "a")
    assert tier.purge_everything().removed == 2
    assert held("other", "a") == ["a"]


def test_a_template_fragment_is_removed(tier: Tier) -> None:
    template = Template("{% load cache %}{% cache 60 sidebar user %}{{ shown }}{% endcache %}")

    def shown(value: str) -> str:
        return template.render(Context({"user": 7, "shown": value}))

    assert (shown("old"), shown("new")) == ("old", "old")
    assert tier.purge_keys([keys.fragment("sidebar", 7)]).removed == 1
    assert shown("new") == "new"


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_page_of_cache_page_is_removed_in_every_variant(tier: Tier, method: str) -> None:
    versions: list[str] = ["old"]

    @cache_page(60, key_prefix="site")
    @vary_on_headers("X-Variant")
    def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(versions[0])

    def answers(path: str) -> list[bytes]:
        make = getattr(RequestFactory(), method)
        return [page(make(path, headers={"x-variant": variant})).content for variant in ("a", "b")]

    assert answers("/page/?a=1") + answers("/kept/") == [b"old"] * 4
    versions[0] = "new"
    assert tier.purge_keys(keys.pages(["/page/?a=1"], prefix="site")).removed == 3, "a list of headers, two variants"
    assert answers("/page/?a=1") == [b"new", b"new"]
    assert answers("/kept/") == [b"old", b"old"]


def test_a_path_stands_for_the_page_on_every_site_and_foreign_urls_for_none(tier: Tier, settings: Any) -> None:
    settings.INVALIDATION = {"TIERS": {}, "SITES": ["http://a.test", "https://b.test"]}
    assert len(keys.pages(["/page/"])) == 2
    assert keys.pages(["http://foreign.test/"]) == []


def test_a_pattern_survives_storage_and_planning() -> None:
    targets = Targets.of(keys=[keys.pattern("a*", alias="other"), "plain"])
    assert Targets.from_document(targets.document()) == targets
    step = Step("purge_keys", tuple(targets.keys))
    assert Step.from_document(step.document()) == step


@pytest.fixture
def replicated(tmp_path: Path, declare_caches: Declare) -> Iterator[tuple[Redis, Redis]]:
    """A primary and a replica, which django-redis reads from."""
    with Redis(tmp_path, name="primary") as primary, Redis(tmp_path, name="replica", replica_of=primary) as replica:
        declare_caches(default={"BACKEND": BACKEND, "LOCATION": [primary.url(), replica.url()]})
        yield primary, replica


def test_with_replicas_keys_and_patterns_are_removed_on_the_primary(replicated: tuple[Redis, Redis]) -> None:
    tier = Tier("cache", "", {"CACHES": ["default"]})
    fill("default", "a", "b:1", "b:2")
    wait_for(lambda: held("default", "a", "b:1", "b:2") == ["a", "b:1", "b:2"], 10, "the replica")
    assert tier.purge_keys([CacheKey("a"), keys.pattern("b:*")]).removed == 3
    wait_for(lambda: held("default", "a", "b:1", "b:2") == [], 10, "the replica")


def test_a_redis_that_is_away_is_worth_another_attempt(replicated: tuple[Redis, Redis]) -> None:
    tier = Tier("cache", "", {"CACHES": ["default"]})
    fill("default", "a")
    replicated[0].stop()
    for doomed in (CacheKey("a"), keys.pattern("a*")):
        with pytest.raises(TransientError, match="did not"):
            tier.purge_keys([doomed])
