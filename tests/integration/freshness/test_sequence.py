"""The sequence never goes back, whatever Redis forgets, and its stamps outdate what was being rendered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
import redis

from invalidation.freshness import sequence
from invalidation.freshness.sequence import Verdict
from tests.integration.freshness.conftest import Declare

URL = "http://testserver/page/"


@pytest.fixture(autouse=True)
def _declared(declare: Declare) -> None:
    declare()


def verdict(client: redis.Redis, since: int, *tags: str, url: str = URL) -> Verdict:
    stamps: Any = client.mget(sequence.watched_keys(tags, url))
    return sequence.verdict(stamps, since)


def test_each_number_is_larger_than_the_one_before(freshness_redis: redis.Redis) -> None:
    drawn = [sequence.advance(freshness_redis, ["a"]) for _ in range(100)]
    assert all(earlier < later for earlier, later in pairwise(drawn))


def test_concurrent_draws_never_give_a_number_twice(freshness_redis: redis.Redis) -> None:
    with ThreadPoolExecutor(8) as workers:
        drawn = list(workers.map(lambda _: sequence.advance(freshness_redis, ["a"]), range(400)))
    assert len(set(drawn)) == 400


def test_the_number_goes_on_growing_after_redis_lost_its_data(freshness_redis: redis.Redis) -> None:
    before = sequence.advance(freshness_redis, ["a"])
    freshness_redis.flushdb()
    assert sequence.current(freshness_redis) > before


def test_the_number_never_goes_back_even_if_the_clock_does(freshness_redis: redis.Redis) -> None:
    future = sequence.by_clock() + 10**15
    freshness_redis.set(sequence.SEQUENCE_KEY, future)
    assert sequence.advance(freshness_redis, []) == future + 1


def test_a_stamped_tag_outdates_what_began_before_and_nothing_else(freshness_redis: redis.Redis) -> None:
    began = sequence.current(freshness_redis)
    after = sequence.advance(freshness_redis, ["a"])
    assert verdict(freshness_redis, began, "a", "b") is Verdict.OUTDATED
    assert verdict(freshness_redis, began, "b") is Verdict.CURRENT
    assert verdict(freshness_redis, after, "a") is Verdict.CURRENT


def test_a_stamped_url_outdates_its_own_page_alone(freshness_redis: redis.Redis) -> None:
    began = sequence.current(freshness_redis)
    sequence.advance(freshness_redis, [URL])
    assert verdict(freshness_redis, began) is Verdict.OUTDATED
    assert verdict(freshness_redis, began, url="http://testserver/other/") is Verdict.CURRENT


def test_everything_outdates_every_page(freshness_redis: redis.Redis) -> None:
    began = sequence.current(freshness_redis)
    sequence.advance(freshness_redis, [sequence.EVERYTHING])
    assert verdict(freshness_redis, began) is Verdict.OUTDATED


def test_what_is_being_rendered_while_redis_loses_its_data_counts_as_outdated(freshness_redis: redis.Redis) -> None:
    began = sequence.current(freshness_redis)
    sequence.advance(freshness_redis, ["a"])
    freshness_redis.flushdb()
    assert verdict(freshness_redis, began, "a") is Verdict.UNKNOWN
    sequence.current(freshness_redis)  # another request begins
    assert verdict(freshness_redis, began, "a") is Verdict.OUTDATED


def test_five_thousand_tags_are_stamped_and_the_number_is_the_smallest_of_theirs(freshness_redis: redis.Redis) -> None:
    began = sequence.current(freshness_redis)
    tags = [f"tag:{number}" for number in range(5000)]
    drawn = sequence.advance(freshness_redis, tags)
    stamps = [int(stamp or 0) for stamp in freshness_redis.mget([sequence.STAMP_KEY + tag for tag in tags])]
    assert min(stamps) == drawn > began


def test_a_stamp_outlives_the_longest_render_and_then_goes(freshness_redis: redis.Redis, declare: Declare) -> None:
    declare(LONGEST_RENDER_SECONDS=30, REPLICA_LAG_SECONDS=5)
    sequence.advance(freshness_redis, ["a"])
    assert 35 < freshness_redis.ttl(sequence.STAMP_KEY + "a") <= 70
