"""Plans: nothing is lost, no limit is exceeded, no call is wasted, and whatever is widened is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, inf
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from invalidation.pipeline.planning.escalate import escalate, with_urls
from invalidation.pipeline.planning.plan import Limits, Plan, Resolution, plan, unresolved
from invalidation.providers.answers.reply import Reply
from invalidation.providers.base import Provider
from invalidation.targets.sites import expand, expand_known
from invalidation.targets.values import Targets
from invalidation.targets.variants import Variants, of, spread

SITES = ("https://one.example", "https://two.example")
FOLDERS = st.sampled_from(["", "a/", "a/b/", "news/"])
PATHS = st.builds("/{}{}".format, FOLDERS, st.integers(0, 40))
URLS = PATHS | st.builds("{}{}".format, st.sampled_from(SITES), PATHS)
TAGS = st.sampled_from([f"post:{number}" for number in range(30)])
TARGETS = st.builds(
    Targets,
    tags=st.frozensets(TAGS, max_size=12),
    urls=st.frozensets(URLS, max_size=60),
    prefixes=st.frozensets(st.sampled_from(["/a/", "/a/b/", f"{SITES[0]}/a/", f"{SITES[1]}/news/"])),
    everything=st.sampled_from([False, False, False, True]),
)


class Everything(Provider):
    """A product that can purge in every way, a few items a call, at a price."""

    supports_tags: bool = True
    supports_prefixes: bool = True
    supports_everything: bool = True
    max_urls_per_call: int = 7
    max_tags_per_call: int = 4
    max_prefixes_per_call: int = 2
    price_per_item_usd: float = 0.005

    def purge_urls(self, urls: object) -> Reply:
        return Reply()


class TagsAlone(Everything):
    """URLs and tags."""

    supports_prefixes: bool = False
    supports_everything: bool = False


class UrlsAlone(TagsAlone):
    """Exact URLs alone."""

    supports_tags: bool = False


PRODUCTS = st.sampled_from([Everything, TagsAlone, UrlsAlone])
INDEXED = st.frozensets(st.builds("{}{}".format, st.sampled_from(SITES), PATHS), max_size=30)
LIMITS = {"purge_urls": 7, "purge_tags": 4, "purge_prefixes": 2}


def items(found: Plan, verb: str) -> list[str]:
    """What all calls with this verb name."""
    return [item for step in found.steps if step.verb == verb for item in step.items]


def absolute(urls: frozenset[str]) -> frozenset[str]:
    return frozenset(found for url in urls for found in expand(url, SITES))


def purges(found: Plan, url: str) -> bool:
    """Does the plan remove the copy of this absolute URL?"""
    below = tuple(items(found, "purge_prefixes"))
    emptied = any(step.verb == "purge_everything" for step in found.steps)
    return emptied or url in items(found, "purge_urls") or url.startswith(below)


def answered(targets: Targets, product: type[Provider], known: frozenset[str]) -> Resolution:
    """As the tag index answers what the product can't do by itself."""
    return Resolution(known if unresolved(targets, product) else frozenset())


@given(TARGETS, PRODUCTS, INDEXED)
def test_nothing_is_lost_and_no_limit_is_exceeded(
    targets: Targets, product: type[Everything], known: frozenset[str]
) -> None:
    resolution = answered(targets, product, known)
    found = plan(targets, product, SITES, resolution)
    assert all(len(step.items) <= LIMITS.get(step.verb, 0) for step in found.steps)
    assert all(purges(found, url) for url in absolute(targets.urls) | resolution.urls)
    if product.supports_tags and not (targets.everything and product.supports_everything):
        assert set(items(found, "purge_tags")) == targets.tags
    if product.supports_prefixes:
        assert all(purges(found, f"{prefix}x") for prefix in absolute(targets.prefixes))


@given(TARGETS, PRODUCTS, INDEXED)
def test_the_number_of_calls_is_the_lower_bound(
    targets: Targets, product: type[Everything], known: frozenset[str]
) -> None:
    found = plan(targets, product, SITES, answered(targets, product, known))
    if any(step.verb == "purge_everything" for step in found.steps):
        assert len(found.steps) == 1
        return
    for verb, limit in LIMITS.items():
        named = items(found, verb)
        assert len(named) == len(set(named))
        assert sum(step.verb == verb for step in found.steps) == ceil(len(named) / limit)
    below = tuple(items(found, "purge_prefixes"))
    assert not any(url.startswith(below) for url in items(found, "purge_urls"))
    assert found.price_usd == 0.005 * sum(len(step.items) for step in found.steps)


class InAHeader(Everything):
    """Takes tags in a header of 40 bytes."""

    max_tags_per_call: int = 5
    max_tag_bytes_per_call: int = 40


@given(st.frozensets(st.text("ab", min_size=1, max_size=20), max_size=30))
def test_a_list_that_is_limited_by_bytes_is_cut_as_rarely_as_its_order_allows(tags: frozenset[str]) -> None:
    calls = [step.items for step in plan(Targets(tags=tags), InAHeader, SITES, Resolution()).steps]
    assert [tag for items in calls for tag in items] == sorted(tags)
    assert all(fits(items) for items in calls)
    assert len(calls) == fewest(sorted(tags))
    longest, joined = max(map(len, tags), default=0), sum(len(tag) + 1 for tag in tags)
    assert len(calls) <= 1 + len(tags) / 5 + joined / (41 - longest)


def fits(tags: Sequence[str]) -> bool:
    return len(tags) <= 5 and len(" ".join(tags)) <= 40


def fewest(tags: Sequence[str]) -> int:
    """Calls for these tags in this order: the best of all ways to cut them."""
    best = [0]
    for end in range(1, len(tags) + 1):
        best.append(1 + min(best[start] for start in range(end) if fits(tags[start:end])))
    return best[-1]


@given(st.lists(URLS, max_size=40), st.lists(TAGS, max_size=10), PRODUCTS, st.randoms(use_true_random=False))
def test_the_order_is_stable(urls: list[str], tags: list[str], product: type[Everything], random: Random) -> None:
    first = plan(Targets.of(urls=urls, tags=tags), product, SITES, Resolution())
    random.shuffle(urls)
    random.shuffle(tags)
    assert plan(Targets.of(urls=urls, tags=tags), product, SITES, Resolution()) == first


@given(TARGETS, PRODUCTS, INDEXED, st.integers(1, 8), st.sampled_from([0.01, 0.05, 0.2, inf]))
def test_escalation_loses_nothing_says_why_and_ends_within_the_limits_where_the_product_can(
    targets: Targets, product: type[Everything], known: frozenset[str], calls: int, price: float
) -> None:
    resolution, limits = answered(targets, product, known), Limits(calls, price)
    exact = plan(targets, product, SITES, resolution)
    if limits.allow(exact):
        return
    found = escalate(exact, with_urls(targets, resolution, product), product, SITES, limits=limits)
    assert all(purges(found, url) for url in absolute(targets.urls) | resolution.urls)
    assert limits.allow(found) or (product is not Everything)
    assert any("above the limit of" in decision for decision in found.decisions)
    assert len(found.steps) <= max(calls, len(exact.steps))


def test_the_ladder_goes_from_urls_to_prefixes_to_everything() -> None:
    urls = frozenset(f"{SITES[0]}/blog/{number}" for number in range(40))
    targets = Targets.of(urls=[*urls, f"{SITES[0]}/about"], tags=["post"])
    exact = plan(targets, Everything, SITES, Resolution())

    def verbs(calls: int) -> list[str]:
        found = escalate(exact, targets, Everything, SITES, limits=Limits(calls))
        return [step.verb for step in found.steps]

    assert len(exact.steps) == 7
    assert verbs(3) == ["purge_tags", "purge_prefixes", "purge_urls"]
    assert verbs(2) == ["purge_everything"]


def test_a_price_escalates_as_a_number_of_calls_does() -> None:
    targets = Targets.of(urls=[f"{SITES[0]}/blog/{number}" for number in range(40)])
    exact = plan(targets, Everything, SITES, Resolution())
    found = escalate(exact, targets, Everything, SITES, limits=Limits(price_usd=0.1))
    assert (exact.price_usd, found.price_usd) == (0.2, 0.005)
    assert found.decisions == ("$0.20 is above the limit of $0.10: 40 URLs widened to 1 prefixes",)


class Pipelined(UrlsAlone):
    """Sends each URL of a call as two requests of its own."""

    requests_per_item: Mapping[str, int] = {"purge_urls": 2}


def test_a_call_that_makes_a_request_for_each_url_counts_for_as_many() -> None:
    found = plan(Targets.of(urls=[f"{SITES[0]}/{number}" for number in range(40)]), Pipelined, SITES, Resolution())
    assert (len(found.steps), found.requests) == (6, 80)
    assert not Limits(calls=79).allow(found)
    assert Limits(calls=80).allow(found)


def test_what_no_widening_helps_is_done_in_full_and_said() -> None:
    targets = Targets.of(urls=[f"{SITES[0]}/{number}" for number in range(40)])
    exact = plan(targets, UrlsAlone, SITES, Resolution())
    found = escalate(exact, targets, UrlsAlone, SITES, limits=Limits(calls=2))
    assert found.steps == exact.steps
    assert found.decisions == (
        "6 calls are above the limit of 2, and 6 calls for $0.20 is the least that this product can",
    )


def test_a_tier_is_purged_for_the_sites_that_it_serves_alone() -> None:
    found = plan(Targets.of(urls=["/a", f"{SITES[1]}/b"]), Everything, SITES[:1], Resolution())
    assert items(found, "purge_urls") == [f"{SITES[0]}/a"]
    assert found.decisions == (f"left out 1 URLs on no site of this tier, such as {SITES[1]}/b",)


def test_a_path_stands_for_its_declared_variants() -> None:
    variants = Variants(languages=("de", "fr"), slashes=True, queries=("print=1",))
    assert set(of("/blog/", variants)) == {
        f"{language}/blog{slash}{query}"
        for language in ("", "/de", "/fr")
        for slash in ("", "/")
        for query in ("", "?print=1")
    }
    assert set(of("/de/blog/", variants)) == set(of("/blog/", variants))
    front = {"/", "/de", "/fr", "/de/", "/fr/"}
    assert all(set(of(url, Variants(languages=("de", "fr")))) == front for url in front)
    asked = {"/?z=1", "/de?z=1", "/fr?z=1", "/de/?z=1", "/fr/?z=1"}
    assert all(set(of(url, Variants(languages=("de", "fr")))) == asked for url in asked)
    assert "/design" in set(of("/fr/design", Variants(languages=("de", "fr"))))
    assert set(of(f"{SITES[0]}/", Variants(slashes=True))) == {f"{SITES[0]}/"}
    assert set(of("/a?page=2", Variants(slashes=True, queries=("x",)))) == {"/a?page=2", "/a/?page=2"}


@given(TARGETS, st.booleans(), st.sampled_from([(), ("de",), ("de", "en")]), st.sampled_from([(), ("print=1",)]))
def test_variants_add_and_never_take_away(
    targets: Targets, slashes: bool, languages: tuple[str, ...], queries: tuple[str, ...]
) -> None:
    variants = Variants(languages, slashes, queries)
    wide = spread(targets, variants)
    assert targets.urls <= wide.urls
    assert targets.prefixes <= wide.prefixes
    assert (wide.tags, wide.everything) == (targets.tags, targets.everything)
    assert spread(wide, variants) == wide
    assert expand_known(wide.urls, SITES) or not targets.urls
    assert spread(targets, Variants()) is targets
