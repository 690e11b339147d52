"""The tagged cache, on every backend: what it keeps, what it refuses, what it costs."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import caches
from django_redis import get_redis_connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries, Settings

from invalidation.caching import ABSENT, TaggedCache
from invalidation.caching.values import entry, store
from invalidation.exceptions import InvalidTarget
from invalidation.providers.redis import TAG_VERSION_KEY
from invalidation.providers.redis import Redis as CacheTier
from tests.fixtures.stores import EachApart


class Counter:
    """Gives 1, then 2, then 3."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        return self.calls


@pytest.fixture
def count() -> Counter:
    return Counter()


def test_a_value_is_computed_once_until_one_of_its_tags_is_invalidated(tagged: TaggedCache, count: Counter) -> None:
    assert [tagged.get_or_set("key", count, tags=["a", "b"]) for _ in range(2)] == [1, 1]
    tagged.invalidate("other")
    assert tagged.get_or_set("key", count, tags=["a", "b"]) == 1
    tagged.invalidate("b")
    assert [tagged.get_or_set("key", count, tags=["a", "b"]) for _ in range(2)] == [2, 2]


def purge(alias: str, tag: str) -> None:
    """As the tier does; a cache that each process has for itself is none, so there the process itself does."""
    if alias == "locmem":
        TaggedCache(alias).invalidate(tag)
    else:
        CacheTier("cache", "", {"CACHES": [alias]}).purge_tags([tag])


def test_the_cache_tier_s_purge_by_tag_makes_values_stale(tagged: TaggedCache, count: Counter) -> None:
    tagged.get_or_set("key", count, tags=["blog.post:1"])
    purge(tagged.alias, "blog.post:1")
    assert tagged.get("key", tags=["blog.post:1"]) is None
    assert tagged.get_or_set("key", count, tags=["blog.post:1"]) == 2


def test_none_is_a_value_and_absent_is_not(tagged: TaggedCache) -> None:
    assert tagged.get("key", ABSENT, tags="a") is ABSENT
    assert tagged.get_or_set("key", lambda: None, tags="a") is None
    assert tagged.get("key", ABSENT, tags="a") is None
    assert tagged.get_or_set("key", lambda: "computed again", tags="a") is None


def test_f17_absent_and_none_are_told_apart_where_the_naive_cache_computes_again(
    tagged: TaggedCache, count: Counter
) -> None:
    def nothing() -> None:
        count()

    def naive() -> Any:
        value = caches[tagged.alias].get("naive")
        if value is None:
            value = nothing()  # type: ignore[func-returns-value]
            caches[tagged.alias].set("naive", value)
        return value

    naive(), naive()
    assert count.calls == 2
    tagged.get_or_set("key", nothing), tagged.get_or_set("key", nothing)
    assert count.calls == 3


def test_many_values_are_read_at_once(tagged: TaggedCache) -> None:
    for number in range(3):
        tagged.set(f"key{number}", number, tags=["a", f"a:{number}"])
    tagged.invalidate("a:1")
    assert tagged.get_many([f"key{number}" for number in range(4)]) == {"key0": 0, "key2": 2}
    assert tagged.get_many([]) == {}


def test_a_value_may_be_read_without_naming_its_tags(tagged: TaggedCache) -> None:
    tagged.set("key", 1, tags="a b")
    assert tagged.get("key") == 1
    tagged.invalidate("b")
    assert tagged.get("key") is None


def test_a_value_that_was_stored_without_a_tag_is_not_used_by_who_names_it(tagged: TaggedCache) -> None:
    tagged.set("key", 1, tags="a")
    assert tagged.get("key", tags="a b") is None


def test_what_somebody_else_stored_under_the_key_is_no_value(tagged: TaggedCache, count: Counter) -> None:
    for foreign in (7, {"value": 1}, "text", None):
        caches[tagged.alias].set("key", foreign, version=1)
        assert tagged.get("key", ABSENT) is ABSENT
    assert tagged.get_or_set("key", count) == 1


def test_a_lost_tag_version_costs_a_computation_and_nothing_else(tagged: TaggedCache, count: Counter) -> None:
    tagged.get_or_set("key", count, tags="a b")
    caches[tagged.alias].delete(TAG_VERSION_KEY + "a", version=1)
    assert [tagged.get_or_set("key", count, tags="a b") for _ in range(2)] == [2, 2]


def test_versions_never_come_back(tagged: TaggedCache) -> None:
    seen = set()
    for _ in range(20):
        seen.add(tagged.stamps("a")["a"])
        tagged.invalidate("a")
    assert len(seen) == 20


def test_a_value_set_with_stamps_from_before_an_invalidation_is_never_used(tagged: TaggedCache) -> None:
    before = tagged.stamps("a")
    tagged.invalidate("a")
    tagged.set("key", "old", tags="a", stamps=before)
    assert tagged.get("key", tags="a") is None
    tagged.stamps("a")
    assert tagged.get("key", tags="a") is None


def test_a_tag_outside_the_alphabet_is_refused_where_it_is_written(tagged: TaggedCache) -> None:
    with pytest.raises(InvalidTarget, match="Upper"):
        tagged.set("key", 1, tags=["Upper"])


def test_a_failing_computation_stores_nothing_and_blocks_nobody(tagged: TaggedCache, count: Counter) -> None:
    def fail() -> int:
        raise LookupError

    with pytest.raises(LookupError):
        tagged.get_or_set("key", fail, tags="a")
    assert tagged.get_or_set("key", count, tags="a") == 1


def test_a_timeout_of_zero_stores_nothing(tagged: TaggedCache, count: Counter) -> None:
    assert [tagged.get_or_set("key", count, 0) for _ in range(2)] == [1, 2]


def test_values_written_together_expire_apart_and_not_late() -> None:
    ends = {entry.expiry(100, 0) for _ in range(50)}
    assert len(ends) > 40
    assert all(end is not None and 90 <= end <= 100 for end in ends)
    assert entry.expiry(None, 0) is None


# Adding a file is not atomic, and threads would share the transaction of a test's database.
@pytest.mark.parametrize("alias", ["redis", "django-redis", "locmem", "memcached"])
def test_one_reader_computes_and_the_others_wait_for_its_value(cache_aliases: None, alias: str) -> None:
    tagged = EachApart(alias)
    together = threading.Barrier(6)
    computed: list[int] = []

    def compute() -> str:
        computed.append(1)
        time.sleep(0.2)
        return "value"

    def read() -> Any:
        together.wait()
        try:
            return tagged.get_or_set("key", compute, tags="a")
        finally:
            caches.close_all()  # a client of Memcached belongs to its thread

    with ThreadPoolExecutor(6) as pool:
        assert {future.result() for future in [pool.submit(read) for _ in range(6)]} == {"value"}
    assert len(computed) == 1


def test_while_one_computes_the_others_get_the_expired_value(
    tagged: TaggedCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged.set("key", "old", 100, tags="a")
    clock = time.time() + 101
    monkeypatch.setattr(time, "time", lambda: clock)
    seen = []

    def compute() -> str:
        seen.append(tagged.get_or_set("key", lambda: "not asked", tags="a"))
        seen.append(tagged.get("key", "expired for who only looks", tags="a"))
        return "new"

    assert tagged.get_or_set("key", compute, tags="a") == "new"
    assert seen == ["old", "expired for who only looks"]


def test_an_invalidated_value_is_not_shown_while_the_next_is_computed(
    tagged: TaggedCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PATIENCE_SECONDS", 0.1)
    tagged.set("key", "old", tags="a")
    tagged.invalidate("a")
    inner = []

    def compute() -> str:
        inner.append(tagged.get_or_set("key", lambda: "computed by who lost patience", tags="a"))
        return "new"

    assert tagged.get_or_set("key", compute, tags="a") == "new"
    assert inner == ["computed by who lost patience"]
    assert tagged.get("key", tags="a") == "new"


def test_a_dead_computer_is_not_waited_for_longer_than_its_claim(
    tagged: TaggedCache, count: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    caches[tagged.alias].set(store.claim_key("key"), True, 1, version=1)
    assert tagged.get_or_set("key", count, tags="a") == 1
    assert tagged.get("key", tags="a") == 1


def test_reading_costs_one_round_trip(cache_aliases: None) -> None:
    tagged = TaggedCache("django-redis")
    EachApart("django-redis").set("key", 1, tags="a b c")
    server = get_redis_connection("django-redis")
    before = commands(server)
    tagged.get_or_set("key", lambda: 2, tags="a b c")
    assert commands(server) - before == 2  # the read, and the question itself


def test_reading_from_the_database_costs_one_query(
    cache_aliases: None, cache_table: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    tagged = TaggedCache("database")
    EachApart("database").set("key", 1, tags="a b c")
    with django_assert_num_queries(1):
        assert tagged.get_or_set("key", lambda: 2, tags="a b c") == 1


def test_a_key_as_long_as_the_backend_takes_can_be_computed(tagged: TaggedCache, count: Counter) -> None:
    key = "k" * 240
    assert [tagged.get_or_set(key, count, tags="a") for _ in range(2)] == [1, 1]


def commands(server: Any) -> int:
    """Commands that the server has handled, this one included."""
    return int(server.info("stats")["total_commands_processed"])


def test_a_cache_that_is_away_and_ignored_costs_no_waiting(settings: Settings, count: Counter) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"IGNORE_EXCEPTIONS": True, "CONNECTION_POOL_CLASS": "project.redis.PausingPool"},
        }
    }
    started = time.monotonic()
    assert [TaggedCache().get_or_set("key", count, tags="a") for _ in range(3)] == [1, 2, 3]
    assert time.monotonic() - started < 5


def test_the_async_forms_do_the_same(tagged: TaggedCache) -> None:
    async def compute() -> str:
        await asyncio.sleep(0)
        return "value"

    async def scenario() -> list[Any]:
        await tagged.aset("other", 1, tags="a")
        values = await asyncio.gather(*(tagged.aget_or_set("key", compute, tags="a") for _ in range(3)))
        many = await tagged.aget_many(["key", "other"], tags="a")
        await tagged.ainvalidate("a")
        return [*values, many, await tagged.aget("key", "gone", tags="a")]

    assert async_to_sync(scenario)() == ["value", "value", "value", {"key": "value", "other": 1}, "gone"]


@given(st.lists(st.sampled_from(["read a", "read ab", "invalidate a", "invalidate b", "evict a"]), max_size=30))
def test_whatever_happens_in_between_a_read_value_is_current(steps: list[str]) -> None:
    tagged = TaggedCache()
    caches["default"].clear()
    truth = {"a": 0, "b": 0}
    for number, step in enumerate(steps, 1):
        verb, tags = step.split()
        if verb == "read":
            expected = [truth[tag] for tag in tags]
            found = tagged.get_or_set(tags, lambda: [truth[tag] for tag in tags], tags=list(tags))  # noqa: B023
            assert found == expected
        elif verb == "invalidate":
            truth[tags] = number
            tagged.invalidate(tags)
        else:
            caches["default"].delete(TAG_VERSION_KEY + tags, version=1)
