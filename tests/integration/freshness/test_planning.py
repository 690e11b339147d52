"""What the tag index adds to a plan: URLs of what a product can't purge by, how many there are, and what it lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
import redis
from structlog.testing import capture_logs

from invalidation.exceptions import TransientError
from invalidation.freshness import index
from invalidation.models import Batch
from invalidation.pipeline.planning import index_coverage
from invalidation.pipeline.planning.impact import Reach, reach, wide_reach
from invalidation.pipeline.planning.plan import Resolution, Step
from invalidation.pipeline.planning.resolve import plan_targets, planned, resolution
from invalidation.providers.registry import provider
from invalidation.targets.values import Targets
from tests.integration.freshness.conftest import Declare
from tests.unit.pipeline.chain import Chain

SITE, OTHER = "http://testserver", "http://other.example"
AWAY = {"REDIS_URL": "redis://127.0.0.1:1/0"}


class Exact(Chain):
    """Exact URLs alone."""

    supports_tags = False
    supports_prefixes = False
    supports_everything = False
    max_urls_per_call = 100


class Emptying(Exact):
    """Exact URLs, and all at once."""

    supports_everything = True


class EmptyingByTags(Emptying):
    """Tags too."""

    supports_tags = True


class Folders(Exact):
    """A URL a call, or a folder."""

    supports_prefixes = True
    max_urls_per_call = 1


class Dear(Folders):
    """The same for money."""

    costs_money: ClassVar[bool] = True
    price_per_item_usd: float = 0.01


class Learning(Exact):
    """Must be asked what it can do."""

    def learn(self) -> None:
        self.supports_tags = True


def tier(product: type[Chain], **values: Any) -> dict[str, Any]:
    return {"PROVIDER": f"{__name__}.{product.__name__}", "NODES": ["http://a"], **values}


TIERS = {
    one.__name__.lower(): tier(one) for one in (Exact, Emptying, Folders, Dear, Learning)
}  # fmt: skip


@pytest.fixture(autouse=True)
def _known(declare: Declare, freshness_redis: redis.Redis) -> None:
    """Twenty posts, of which five are news; a page of another site; one tag that is on every page."""
    declare(TIERS, SITES=[SITE])
    pipeline = freshness_redis.pipeline(transaction=False)
    for number in range(20):
        path = f"/news/{number}" if number < 5 else f"/blog/{number}"
        index.register(pipeline, SITE + path, ["post", f"post:{number}"], 60)
    index.register(pipeline, f"{OTHER}/there", ["post:1"], 60)
    pipeline.execute()


POST = Targets.of(tags=["post"])


def must_be_emptied(name: str, *, targets: Targets = POST, widening: str = "") -> bool:
    """Must the tier's node?"""
    product = provider(name, "http://a")
    return index_coverage.must_be_emptied(targets, product, "http://a", widening)


def empty(name: str) -> None:
    """The tier's node."""
    with index_coverage.noted(Step("purge_everything"), name, "http://a"):
        pass


def urls(*paths: str) -> frozenset[str]:
    return frozenset(f"{SITE}{path}" for path in paths)


def test_a_reach_is_counted_by_addresses_tags_and_prefixes(declare: Declare) -> None:
    assert reach(Targets.of(urls=["/a", "/b"])) == Reach(2, 21)
    assert reach(Targets.of(urls=["/a"], tags=["post:1"], prefixes=["/news/"])) == Reach(8, 21)
    assert reach(Targets.of(tags=["post"], prefixes=["/news/"])) == Reach(21, 21)
    assert reach(Targets(everything=True)) == Reach(21, 21)
    assert reach(Targets.of(prefixes=["/none/"])) == Reach(0, 21)
    declare(TIERS, SITES=[SITE, OTHER])
    assert reach(Targets.of(urls=["/a"])) == Reach(2, 21)
    assert str(Reach(2, 21)) == "up to 2 URLs, of 21 known"


def test_a_tag_with_all_that_the_index_keeps_of_one_may_be_on_every_page(declare: Declare) -> None:
    declare(TIERS, SITES=[SITE], MAX_URLS_PER_TAG=20)
    assert reach(Targets.of(tags=["post"], urls=["/a"])) == Reach(22, 21)
    declare(TIERS, SITES=[SITE], MAX_URLS_PER_TAG=1)
    assert reach(Targets.of(urls=["/a"])) == Reach(1, 21)
    declare(TIERS, SITES=[SITE], MAX_URLS_PER_TAG=21)
    assert reach(Targets.of(tags=["post"], urls=["/a"])) == Reach(21, 21)


def test_without_an_index_the_named_addresses_are_counted(declare: Declare) -> None:
    declare(TIERS, SITES=[SITE], REDIS_URL="")
    assert reach(Targets.of(tags=["post"], urls=["/a"])) == Reach(1, 0, counted=True)


def test_while_the_index_is_away_only_named_addresses_can_be_counted(declare: Declare) -> None:
    declare(TIERS, SITES=[SITE], **AWAY)
    assert reach(Targets.of(urls=["/a"])) == Reach(1, 0, counted=True)
    assert reach(Targets.of(urls=["/a"], tags=["post"])) == Reach(1, 0, counted=False)
    assert reach(Targets.of(prefixes=["/a/"])) == Reach(0, 0, counted=False)


def test_a_reach_is_wide_above_both_the_number_and_the_share(declare: Declare) -> None:
    declare(TIERS, SITES=[SITE], WIDE_URLS=5, WIDE_SHARE=0.5)
    assert [Reach(count, 21).is_wide for count in (5, 10, 11)] == [False, False, True]
    assert [Reach(count, 4).is_wide for count in (5, 6)] == [False, True]
    assert wide_reach(Targets.of(prefixes=["/blog/"])) == Reach(15, 21)
    assert wide_reach(Targets.of(prefixes=["/news/"])) is None
    assert wide_reach(Targets.of(urls=[f"/{number}" for number in range(11)])) == Reach(11, 21)
    assert wide_reach(Targets.of(everything=True, tags=["post"])) is None
    assert wide_reach(Targets(everything=True)) is wide_reach(Targets.of(keys=["k"])) is None


def found(served: Sequence[str] = (SITE,), **targets: Any) -> Resolution:
    return resolution(Targets.of(**targets), served)


def test_the_index_names_the_addresses_of_tags_and_prefixes_on_the_sites_that_are_served() -> None:
    assert found() == Resolution()
    assert found(tags=["post:1"]) == Resolution(urls("/news/1"))
    assert found([SITE, OTHER], tags=["post:1"]).urls == {*urls("/news/1"), f"{OTHER}/there"}
    assert found(prefixes=["/news/"]).urls == urls(*(f"/news/{number}" for number in range(5)))
    assert found(tags=["post:19"], prefixes=["/news/1"]).urls == urls("/blog/19", "/news/1")
    assert len(found(everything=True).urls) == 20
    assert found(prefixes=["/none/"]) == Resolution()


def test_a_tag_on_too_many_pages_stands_for_all(declare: Declare, freshness_redis: redis.Redis) -> None:
    declare(TIERS, SITES=[SITE], MAX_URLS_PER_TAG=1)
    pipeline = freshness_redis.pipeline(transaction=False)
    for tag in ("x", "y"):
        for path in ("/news/1", "/news/2"):
            index.register(pipeline, SITE + path, [tag], 60)
    pipeline.execute()
    words = "on more pages than the tag index keeps for one tag: widened to all 21 known URLs"
    one, both = found(tags=["x"]), found(tags=["x", "y", "post:3"])
    assert (len(one.urls), one.decisions) == (20, (f"x {words}",))
    assert (len(both.urls), both.decisions) == (20, (f"2 tags {words}",))


def test_without_an_index_only_what_was_given_is_purged_and_that_is_said(declare: Declare) -> None:
    declare(TIERS, SITES=[SITE], REDIS_URL="")
    words = "without INVALIDATION['REDIS_URL'] no index names URLs: only those given are purged"
    assert found(tags=["post"]) == Resolution(decisions=(words,))
    plan = plan_targets(Targets.of(tags=["post"], urls=["/a"]), "exact")
    assert (plan.steps, plan.decisions) == ((Step("purge_urls", (f"{SITE}/a",)),), (words,))


def test_while_the_index_is_away_nothing_is_planned_that_needs_it(declare: Declare) -> None:
    declare(TIERS, SITES=[SITE], **AWAY)
    for ask in (
        lambda: found(tags=["post"]),
        lambda: must_be_emptied("emptying"),
    ):
        with pytest.raises(TransientError) as error:
            ask()
        assert str(error.value) == "The tag index can't be read: its Redis is away."
        assert "Connect" in error.value.reply
    assert not must_be_emptied("emptying", targets=Targets.of(urls=["/a"]))
    assert not must_be_emptied("exact")


def test_a_product_is_asked_what_it_can_do_before_it_is_planned_for() -> None:
    assert plan_targets(Targets.of(tags=["post:1"]), "learning").steps == (Step("purge_tags", ("post:1",)),)


def test_a_node_that_may_hold_what_the_index_has_lost_is_emptied() -> None:
    batch = Batch(targets=Targets.of(tags=["post:1"]).document())
    plan = planned(batch, "emptying", "http://a")
    assert (plan.steps, plan.decisions) == ((Step("purge_everything"),), (index_coverage.DECISION,))
    empty("emptying")
    exact = (Step("purge_urls", (f"{SITE}/news/1",)),)
    assert planned(batch, "emptying", "http://a").steps == exact
    assert planned(batch, "emptying", "http://b").steps == (Step("purge_everything"),)
    assert plan_targets(batch.merged, "emptying").steps == exact  # at no node in particular
    assert planned(batch, "exact", "http://b").steps == exact
    named = Batch(targets=Targets.of(urls=["/a"]).document())
    assert planned(named, "emptying", "http://b").steps[0].verb == "purge_urls"


def test_inner_caches_are_emptied_first_and_a_node_counts_only_after_them(
    declare: Declare, freshness_redis: redis.Redis
) -> None:
    inner = tier(EmptyingByTags)
    values = {"PROVIDER": "tests.unit.pipeline.chain.Free"}
    declare(
        {"values": values, "inner": {**inner, "FILLS_FROM": ["values"]}, "outer": tier(Emptying, FILLS_FROM=["inner"])},
        SITES=[SITE],
    )
    assert must_be_emptied("inner")
    assert must_be_emptied("outer")
    assert not must_be_emptied("values")
    empty("outer")
    assert must_be_emptied("outer")
    empty("inner")
    assert not must_be_emptied("inner")
    assert must_be_emptied("outer")
    empty("outer")
    assert not must_be_emptied("outer")
    freshness_redis.hdel(index.WHOLE_KEY, "inner http://a")
    assert must_be_emptied("outer")


def test_a_cache_with_tags_is_emptied_only_for_one_outside_it_that_asks_the_index(declare: Declare) -> None:
    for outer in (tier(EmptyingByTags, FILLS_FROM=["inner"]), tier(Exact, FILLS_FROM=["inner"]), tier(Emptying)):
        declare({"inner": tier(EmptyingByTags), "outer": outer}, SITES=[SITE])
        assert not must_be_emptied("inner")
    declare({"inner": tier(EmptyingByTags), "outer": tier(Emptying, FILLS_FROM=["inner"])}, SITES=[SITE])
    assert must_be_emptied("inner")
    assert not must_be_emptied("inner", targets=Targets.of(urls=["/a"]))
    assert not must_be_emptied("inner", widening="everything"), "the outer one is emptied with it"
    declare({"inner": tier(EmptyingByTags), "outer": tier(Emptying, FILLS_FROM=["inner"])}, SITES=[SITE], **AWAY)
    assert not must_be_emptied("inner"), "it could be purged by tag meanwhile"


def test_an_inner_cache_that_can_not_be_emptied_holds_up_none(declare: Declare) -> None:
    declare({"inner": tier(Exact), "outer": tier(Emptying, FILLS_FROM=["inner"])}, SITES=[SITE])
    empty("outer")
    assert not must_be_emptied("outer")


def test_a_batch_is_planned_with_its_own_targets_and_widening() -> None:
    batch = Batch(targets=Targets.of(tags=["post:1"]).document(), widening="everything")
    assert planned(batch, "exact", "http://a").steps == (Step("purge_urls", (f"{SITE}/news/1",)),)
    wide = planned(batch, "emptying", "http://a")
    assert wide.steps == (Step("purge_everything"),)
    assert wide.decisions == ("backlog: 1 targets widened to everything",)


def test_a_long_plan_is_made_shorter_where_half_of_what_it_removes_was_meant(declare: Declare) -> None:
    declare(TIERS, SITES=[SITE], PLAN_CHEAPER_CALLS=3)
    shorter = plan_targets(Targets.of(urls=[f"/blog/{number}" for number in range(5, 20)]), "folders")
    assert shorter.steps == (Step("purge_prefixes", (f"{SITE}/blog/",)),)
    assert shorter.decisions == ("15 calls are above 3: 15 URLs widened to 1 prefixes",)
    assert plan_targets(Targets.of(urls=["/blog/5", "/blog/6", "/blog/7"]), "folders").requests == 3
    declare(TIERS, SITES=[SITE], PLAN_CHEAPER_CALLS=15)
    assert plan_targets(Targets.of(urls=[f"/blog/{n}" for n in range(5, 20)]), "folders").requests == 15
    declare(TIERS, SITES=[SITE], PLAN_CHEAPER_CALLS=0)
    assert plan_targets(Targets.of(urls=[f"/blog/{n}" for n in range(5, 20)]), "folders").requests == 15


def test_a_long_plan_stays_where_most_of_what_a_folder_holds_was_not_meant(
    declare: Declare, freshness_redis: redis.Redis
) -> None:
    declare(TIERS, SITES=[SITE], PLAN_CHEAPER_CALLS=3)
    pipeline = freshness_redis.pipeline(transaction=False)
    for number in range(100, 120):
        index.register(pipeline, f"{SITE}/blog/{number}", ["x"], 60)
    pipeline.execute()
    wanted = Targets.of(urls=[f"/blog/{number}" for number in range(5, 20)])
    assert plan_targets(wanted, "folders").requests == 15
    declare(TIERS, SITES=[SITE], PLAN_CHEAPER_CALLS=3, **AWAY)
    assert plan_targets(wanted, "folders").requests == 15


def test_a_plan_above_a_limit_is_widened_and_says_so_last(declare: Declare, freshness_redis: redis.Redis) -> None:
    wanted = Targets.of(tags=["post"])
    words = "15 URLs widened to 1 prefixes"
    declare(TIERS, SITES=[SITE], PLAN_CALLS_LIMIT=19)
    assert plan_targets(wanted, "folders").decisions == (f"20 calls are above the limit of 19: {words}",)
    declare(TIERS, SITES=[SITE], PLAN_CALLS_LIMIT=20)
    assert plan_targets(wanted, "folders").requests == 20
    declare(TIERS, SITES=[SITE], PLAN_PRICE_LIMIT_USD=0.19)
    assert plan_targets(wanted, "dear").decisions == (f"$0.20 is above the limit of $0.19: {words}",)
    declare(TIERS, SITES=[SITE], PLAN_CALLS_LIMIT=0, PLAN_PRICE_LIMIT_USD=0)
    assert plan_targets(wanted, "dear").requests == 20


def test_a_deep_lane_and_a_limit_are_both_told(declare: Declare) -> None:
    declare(TIERS, SITES=[SITE], PLAN_CALLS_LIMIT=2)
    wanted = Targets.of(urls=[f"/blog/{number}" for number in range(10)] + ["/x", "/y", "/z"])
    assert plan_targets(wanted, "folders", "prefixes").decisions == (
        "backlog: 10 URLs widened to 1 prefixes",
        "4 calls are above the limit of 2, and 4 calls is the least that this product can",
    )


def test_without_an_index_every_node_is_known(declare: Declare) -> None:
    declare(TIERS, SITES=[SITE], REDIS_URL="")
    assert not must_be_emptied("emptying")
    empty("emptying")


def emptied(freshness_redis: redis.Redis, step: Step) -> bool:
    """Is a node known after this call, which no call before has emptied?"""
    freshness_redis.delete(index.WHOLE_KEY)
    with index_coverage.noted(step, "emptying", "http://a"):
        pass
    return not must_be_emptied("emptying")


def test_only_a_call_that_empties_a_node_and_succeeds_makes_it_known(freshness_redis: redis.Redis) -> None:
    assert emptied(freshness_redis, Step("purge_everything"))
    assert not emptied(freshness_redis, Step("purge_urls", (f"{SITE}/a",)))

    def fail() -> None:
        with index_coverage.noted(Step("purge_everything"), "emptying", "http://a"):
            raise TransientError("down")

    with pytest.raises(TransientError):
        fail()
    assert must_be_emptied("emptying")


def test_an_index_that_is_lost_while_a_node_is_emptied_does_not_know_it(freshness_redis: redis.Redis) -> None:
    with index_coverage.noted(Step("purge_everything"), "emptying", "http://a"):
        freshness_redis.flushdb()
    assert must_be_emptied("emptying")


def test_a_call_is_made_though_the_index_is_away_and_that_is_logged(declare: Declare) -> None:
    declare(TIERS, SITES=[SITE], **AWAY)
    with capture_logs() as lines, index_coverage.noted(Step("purge_everything"), "emptying", "http://a"):
        pass
    [line] = lines
    assert (line["event"], line["log_level"], line["tier"]) == ("index_unknown", "warning", "emptying")
    assert "Connect" in line["error"]


def test_an_index_that_goes_away_during_a_call_is_logged(freshness_redis: redis.Redis) -> None:
    with capture_logs() as lines, index_coverage.noted(Step("purge_everything"), "emptying", "http://a"):
        freshness_redis.delete(index.WHOLE_KEY)
        freshness_redis.set(index.WHOLE_KEY, "of another kind, so that Redis refuses")
    [line] = lines
    assert (line["event"], line["log_level"], line["tier"]) == ("index_unknown", "warning", "emptying")
    assert "ResponseError" in line["error"]
