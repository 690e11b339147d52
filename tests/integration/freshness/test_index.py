"""The tag index: nothing that is rendered is lost, nothing is kept for ever, and what has no room is known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis

from invalidation.freshness import index, scripts
from invalidation.pipeline.planning.resolve import plan_targets
from invalidation.targets.values import Targets
from tests.integration.freshness.conftest import Declare

SITE = "http://testserver"
GUIDE = Path(__file__).resolve().parents[3] / "docs/explanation/consistency.md"
NGINX = {
    "PROVIDER": "invalidation.providers.nginx.Nginx",
    "NODES": ["http://127.0.0.1:1"],
    "OPTIONS": {"SECRET": "never-sent-anywhere"},
}


@pytest.fixture(autouse=True)
def _declared(declare: Declare) -> None:
    declare({"nginx": NGINX})


def register(client: redis.Redis, path: str, *tags: str, seconds: int = 60) -> int:
    pipeline = client.pipeline(transaction=False)
    index.register(pipeline, SITE + path, tags, seconds)
    return int(pipeline.execute()[0][0])


def urls(client: redis.Redis, *tags: str) -> set[str]:
    return {url.removeprefix(SITE) for url in index.urls_of(client, tags)[0]}


def below(client: redis.Redis, prefix: str) -> set[str]:
    return {url.removeprefix(SITE) for url in index.urls_below(client, [prefix])}


def planned(**targets: Any) -> tuple[list[str], tuple[str, ...]]:
    plan = plan_targets(Targets.of(**targets), "nginx")
    return [url.removeprefix(SITE) for step in plan.steps for url in step.items], plan.decisions


def test_a_tag_names_its_urls(freshness_redis: redis.Redis) -> None:
    register(freshness_redis, "/a/", "post", "post:1")
    register(freshness_redis, "/b/", "post")
    assert urls(freshness_redis, "post") == {"/a/", "/b/"}
    assert urls(freshness_redis, "post:1") == {"/a/"}
    assert urls(freshness_redis, "other") == set()


def test_concurrent_writers_lose_no_registration(freshness_redis: redis.Redis) -> None:
    def write(number: int) -> int:
        return register(freshness_redis, f"/{number}/", "shared", f"own:{number % 7}")

    with ThreadPoolExecutor(16) as writers:
        assert set(writers.map(write, range(1000))) == {1}
    assert len(urls(freshness_redis, "shared")) == 1000
    assert set().union(*(urls(freshness_redis, f"own:{number}") for number in range(7))) == urls(
        freshness_redis, "shared"
    )


def test_a_prefix_finds_what_lies_below_it_and_nothing_else(freshness_redis: redis.Redis) -> None:
    for path in ("/blog/", "/blog/a/", "/blog/a/?page=2", "/blogs/", "/about/", "/blog/é/"):
        register(freshness_redis, path)
    assert below(freshness_redis, f"{SITE}/blog/") == {"/blog/", "/blog/a/", "/blog/a/?page=2", "/blog/é/"}
    assert len(below(freshness_redis, "")) == 6


def test_a_prefix_with_many_urls_is_read_in_pages(
    freshness_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "PAGE", 10)
    for number in range(35):
        register(freshness_redis, f"/many/{number}/")
    assert len(below(freshness_redis, f"{SITE}/many/")) == 35


def commands(client: Any) -> Iterator[str]:
    """Verbs that were sent while the caller held the iterator open, without those of connecting and of scripts."""
    with client.monitor() as monitor:
        yield ""
        client.echo("end")
        for command in monitor.listen():
            verb = command["command"].split()[0]
            if verb == "ECHO":
                return
            if command["client_type"] != "lua" and verb not in ("HELLO", "CLIENT", "SELECT"):
                yield verb


def test_few_pages_of_a_tag_are_named_in_1_round_trip(freshness_redis: redis.Redis) -> None:
    register(freshness_redis, "/a/", "post", "post:1")
    assert urls(freshness_redis, "post") == {"/a/"}  # the server knows the script
    sent = commands(freshness_redis)
    next(sent)
    assert urls(freshness_redis, "post", "post:1") == {"/a/"}
    assert list(sent) == ["EVALSHA"]


def test_many_pages_of_a_tag_are_the_same_as_few(freshness_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        register(freshness_redis, f"/{number}/", "post", f"post:{number % 3}")
    few = index.urls_of(freshness_redis, ["post", "post:1", "none"])
    monkeypatch.setattr(index, "PAGES_PER_SCRIPT", 1)
    assert index.urls_of(freshness_redis, ["post", "post:1", "none"]) == few
    assert len(few[0]) == 30


def expire(client: redis.Redis, path: str) -> None:
    client.zadd(scripts.EXPIRY_KEY, {index.digits(SITE + path): 1})


def test_an_expired_url_is_forgotten_by_the_next_registration(freshness_redis: redis.Redis) -> None:
    register(freshness_redis, "/old/", "post")
    expire(freshness_redis, "/old/")
    register(freshness_redis, "/new/", "post")
    assert freshness_redis.scard(scripts.TAG_KEY + "post") == 1
    assert urls(freshness_redis, "post") == below(freshness_redis, "") == {"/new/"}


def test_an_expired_url_is_never_planned(freshness_redis: redis.Redis) -> None:
    for number in range(1500):
        register(freshness_redis, f"/{number}/", "post")
    pages: Any = freshness_redis.zrange(scripts.EXPIRY_KEY, 0, -1)
    freshness_redis.zadd(scripts.EXPIRY_KEY, dict.fromkeys(pages, 1))
    assert urls(freshness_redis, "post") == below(freshness_redis, "") == set()
    assert list(freshness_redis.scan_iter("invalidation:*")) == [scripts.BYTES_KEY]
    assert index.size(freshness_redis) == (0, 0)


def test_a_short_life_never_shortens_that_of_other_urls_or_of_an_earlier_copy(freshness_redis: redis.Redis) -> None:
    register(freshness_redis, "/a/", "post", seconds=500_000)
    score = freshness_redis.zscore(scripts.EXPIRY_KEY, index.digits(f"{SITE}/a/"))
    register(freshness_redis, "/a/", "post", seconds=60)
    register(freshness_redis, "/b/", "post", seconds=60)
    assert freshness_redis.zscore(scripts.EXPIRY_KEY, index.digits(f"{SITE}/a/")) == score
    assert freshness_redis.ttl(scripts.TAG_KEY + "post") > 400_000


def test_a_url_is_kept_as_long_as_a_cache_may_keep_the_page(freshness_redis: redis.Redis, declare: Declare) -> None:
    declare(INDEX_TTL_SECONDS=100)
    register(freshness_redis, "/a/", "post", seconds=7200)
    assert freshness_redis.ttl(scripts.TAG_KEY + "post") > 7200


def test_the_keys_of_an_idle_index_expire(freshness_redis: redis.Redis) -> None:
    register(freshness_redis, "/a/", "post")
    assert all(freshness_redis.ttl(key) > 0 for key in freshness_redis.scan_iter("invalidation:*"))


def test_a_tag_above_its_cap_overflows_and_its_purge_widens_to_every_known_url(
    freshness_redis: redis.Redis, declare: Declare
) -> None:
    declare({"nginx": NGINX}, INDEX_MAX_URLS_PER_TAG=2)
    for path in ("/a/", "/b/", "/c/"):
        assert register(freshness_redis, path, "hot") == 1
    register(freshness_redis, "/d/", "cold")
    assert len(urls(freshness_redis, "hot")) == 2
    found, decisions = planned(tags=["hot"])
    assert found == ["/a/", "/b/", "/c/", "/d/"]
    assert decisions == ("hot on more pages than the tag index keeps for one tag: widened to all 4 known URLs",)
    assert planned(tags=["cold"]) == (["/d/"], ())


def test_a_known_url_is_renewed_in_a_full_tag(freshness_redis: redis.Redis, declare: Declare) -> None:
    declare(INDEX_MAX_URLS_PER_TAG=1)
    register(freshness_redis, "/a/", "hot")
    register(freshness_redis, "/a/", "hot")
    assert index.urls_of(freshness_redis, ["hot"])[1] == []


def test_a_full_index_says_so_and_stays_as_large_as_it_is(freshness_redis: redis.Redis, declare: Declare) -> None:
    declare(INDEX_MAX_URLS=2)
    assert [register(freshness_redis, path, "t") for path in ("/a/", "/b/", "/c/", "/a/")] == [1, 1, 0, 1]
    assert urls(freshness_redis, "t") == below(freshness_redis, "") == {"/a/", "/b/"}


def test_everything_for_a_tier_that_can_not_be_emptied_is_every_known_url(freshness_redis: redis.Redis) -> None:
    register(freshness_redis, "/a/", "x")
    register(freshness_redis, "/b/")
    assert planned(everything=True)[0] == ["/a/", "/b/"]


def test_urls_of_other_sites_are_never_planned(freshness_redis: redis.Redis, declare: Declare) -> None:
    register(freshness_redis, "/a/", "x")
    declare({"nginx": NGINX}, SITES=["http://another.test"])
    assert planned(tags=["x"])[0] == []


def test_without_redis_the_plan_says_that_no_index_was_asked(declare: Declare) -> None:
    declare({"nginx": NGINX}, REDIS_URL="")
    assert "no index" in planned(tags=["x"])[1][0]


TEN_TAGS = [f"blog.tag:{number}" for number in range(10)]


def test_a_page_that_is_rendered_with_other_tags_is_found_by_the_old_and_the_new(freshness_redis: redis.Redis) -> None:
    register(freshness_redis, "/a/", "old", "both")
    register(freshness_redis, "/a/", "new", "both")
    assert [urls(freshness_redis, tag) for tag in ("old", "new", "both")] == [{"/a/"}] * 3
    index.forget(freshness_redis, [f"{SITE}/a/"], [])
    assert index.size(freshness_redis) == (0, 0)


def test_a_page_is_renewed_before_the_sets_that_name_it_end(freshness_redis: redis.Redis, declare: Declare) -> None:
    declare(INDEX_TTL_SECONDS=100)
    for seconds in (60, 2000, 5000, 8000):
        register(freshness_redis, "/a/", "post", seconds=seconds)
        assert freshness_redis.ttl(scripts.TAG_KEY + "post") > seconds
        assert freshness_redis.ttl(scripts.PAGES_KEY) > seconds


def grown(client: redis.Redis, paths: Sequence[str], tags: Sequence[str]) -> int:
    """Bytes that the keys take once these pages are registered; what the server uses grows by its connections too."""
    for path in paths:
        register(client, path, *tags)
    return sum(int(client.memory_usage(key, samples=0) or 0) for key in client.scan_iter())


@pytest.mark.parametrize("length", [40, 900])
@pytest.mark.parametrize("tags", [TEN_TAGS, [], [f"blog.tag:{number}" for number in range(100)]], ids=len)
def test_the_index_takes_no_more_than_it_is_reckoned_with(
    freshness_redis: redis.Redis, length: int, tags: list[str]
) -> None:
    taken = grown(freshness_redis, [f"/blog/{number}-{'x' * length}/" for number in range(1000)], tags)
    assert taken <= index.size(freshness_redis)[1]


def test_c11_an_address_is_stored_once_whatever_its_tags(freshness_redis: redis.Redis) -> None:
    short = grown(freshness_redis, [f"/{number}/" for number in range(1000)], TEN_TAGS)
    freshness_redis.flushdb()
    long = grown(freshness_redis, [f"/{number}{'x' * 900}/" for number in range(1000)], TEN_TAGS)
    assert (long - short) / 1000 < 1.5 * 900, "bytes a page"


def test_c11_the_index_is_bounded_in_bytes_and_says_that_it_is_full(
    freshness_redis: redis.Redis, declare: Declare
) -> None:
    declare({"nginx": NGINX}, INDEX_MAX_BYTES=100_000)
    answers = [register(freshness_redis, f"/{number}-{'x' * 900}/", *TEN_TAGS) for number in range(200)]
    assert 0 < sum(answers) < 200
    assert index.size(freshness_redis)[1] <= 100_000
    index.forget(freshness_redis, [f"{SITE}/0-{'x' * 900}/"], [])
    assert register(freshness_redis, "/one-more/", "post") == 1


def test_c11_memory_of_a_typical_page_is_what_the_documentation_says(freshness_redis: redis.Redis) -> None:
    [kilobytes] = re.findall(r"ten tags\) takes less than ([0-9.]+) kB", " ".join(GUIDE.read_text().split()))
    paths = [f"/blog/a-typical-slug-of-a-post-{number}/" for number in range(2000)]
    assert grown(freshness_redis, paths, TEN_TAGS) / 2000 < 1000 * float(kilobytes)
