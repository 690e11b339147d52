"""The calls of a plan: cut to what a product takes, counted, stored, read again, and merged with others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from invalidation.exceptions import InvalidTarget
from invalidation.pipeline.planning.plan import (
    Limits,
    Plan,
    Resolution,
    Step,
    check_steps,
    concerns,
    merged,
    plan,
    price_usd,
    requests,
    unresolved,
)
from invalidation.providers.base import Provider
from invalidation.targets.values import CacheKey, Targets
from tests.unit.pipeline.products import UrlsAlone

SITES = ("https://one.example", "https://two.example")
KEY = CacheKey("menu", "other", 2)


class Proxy(UrlsAlone):
    """Keeps pages; two tags, one of nine bytes, two prefixes and three URLs a call."""

    supports_tags: bool = True
    supports_prefixes: bool = True
    supports_everything: bool = True
    max_urls_per_call = 3
    max_tags_per_call = 2
    max_tag_bytes_per_call = 9
    max_prefixes_per_call = 2
    price_per_item_usd = 0.5
    requests_per_item: Mapping[str, int] = {"purge_urls": 2}


class Values(UrlsAlone):
    """Keeps values under keys."""

    holds_responses = False
    supports_everything: bool = True
    max_tags_per_call = 10
    max_keys_per_call = 2


def calls(targets: Targets, product: type[Provider]) -> list[tuple[str, tuple[Any, ...]]]:
    return [(step.verb, step.items) for step in plan(targets, product, SITES[:1], Resolution()).steps]


def test_a_step_is_stored_and_read_as_it_was() -> None:
    for step in (Step("purge_keys", (CacheKey("a"), KEY)), Step("purge_urls", ("/a", "/b")), Step("purge_everything")):
        assert Step.from_document(step.document()) == step
    assert Step("purge_keys", (KEY,)).document() == {"verb": "purge_keys", "items": [KEY.document()]}


def test_a_plan_of_pages_goes_from_tags_over_prefixes_to_the_urls_below_none() -> None:
    targets = Targets.of(
        tags=["b", "a", "c"], urls=["/p/1", "/d", "/c", "/b", "/a"], prefixes=["/p/q/", "/p/", "/r/", "/s/"], keys=["k"]
    )
    site = SITES[0]
    assert calls(targets, Proxy) == [
        ("purge_tags", ("a", "b")),
        ("purge_tags", ("c",)),
        ("purge_prefixes", (f"{site}/p/", f"{site}/r/")),
        ("purge_prefixes", (f"{site}/s/",)),
        ("purge_urls", (f"{site}/a", f"{site}/b", f"{site}/c")),
        ("purge_urls", (f"{site}/d",)),
    ]


def test_a_plan_of_values_names_tags_and_keys_alone() -> None:
    targets = Targets.of(tags=["a"], urls=["/a"], prefixes=["/p/"], keys=["z", "y", "x"])
    assert calls(targets, Values) == [
        ("purge_tags", ("a",)),
        ("purge_keys", (CacheKey("x"), CacheKey("y"))),
        ("purge_keys", (CacheKey("z"),)),
    ]


def test_a_product_without_tags_is_handed_urls_alone() -> None:
    assert calls(Targets.of(tags=["a"], urls=["/a", "/b"], prefixes=["/p/"]), UrlsAlone) == [
        ("purge_urls", (f"{SITES[0]}/a",)),
        ("purge_urls", (f"{SITES[0]}/b",)),
    ]


def test_everything_is_one_call_and_the_keys_beside_it_a_thousand_a_call() -> None:
    assert calls(Targets.of(urls=["/a"], keys=["k"], everything=True), Proxy) == [("purge_everything", ())]
    emptied = plan(Targets.of(keys=map(str, range(1001)), everything=True), Values, SITES, Resolution())
    assert [(step.verb, len(step.items)) for step in emptied.steps] == [
        ("purge_everything", 0), ("purge_keys", 1000), ("purge_keys", 1),
    ]  # fmt: skip
    assert emptied.requests == 3


@pytest.mark.parametrize(
    ("tags", "cut"),
    [
        (("aaaa", "bbbb"), [("aaaa", "bbbb")]),
        (("aaaa", "bbbbb"), [("aaaa",), ("bbbbb",)]),
        (("aaaaaaaaaaaaa", "b"), [("aaaaaaaaaaaaa",), ("b",)]),
        (("a", "b", "c"), [("a", "b"), ("c",)]),
    ],
)
def test_tags_that_go_into_one_header_are_as_long_as_that_with_a_separator_between(
    tags: tuple[str, ...], cut: list[tuple[str, ...]]
) -> None:
    assert [items for _, items in calls(Targets.of(tags=tags), Proxy)] == cut


def test_what_the_tag_index_names_is_purged_beside_what_was_named_and_its_decisions_follow() -> None:
    resolution = Resolution(frozenset({f"{SITES[0]}/b"}), ("widened",))
    targets = Targets.of(urls=["/a", f"{SITES[1]}/d", f"{SITES[1]}/c"], prefixes=[f"{SITES[1]}/p/"])
    found = plan(targets, UrlsAlone, SITES[:1], resolution)
    assert [step.items for step in found.steps] == [(f"{SITES[0]}/a",), (f"{SITES[0]}/b",)]
    assert found.decisions == (f"left out 3 URLs on no site of this tier, such as {SITES[1]}/c", "widened")


def test_a_plan_costs_what_its_items_cost_and_emptying_as_much_as_one() -> None:
    found = plan(Targets.of(tags=["a", "b"], urls=["/a"]), Proxy, SITES, Resolution())
    assert (found.price_usd, found.requests) == (0.5 * 4, 1 + 2 * 2)
    emptied = plan(Targets(everything=True), Proxy, SITES, Resolution())
    assert (emptied.price_usd, emptied.requests) == (0.5, 1)
    assert price_usd([], Proxy) == requests([], Proxy) == 0


def test_a_plan_stays_within_both_limits_or_is_not_allowed() -> None:
    found = Plan(price_usd=0.5, requests=5)
    assert Limits().allow(found)
    assert Limits(calls=5, price_usd=0.5).allow(found)
    assert not Limits(calls=4, price_usd=0.5).allow(found)
    assert not Limits(calls=5, price_usd=0.4).allow(found)


@pytest.mark.parametrize(
    ("targets", "pages", "values"),
    [
        (Targets(everything=True), True, True),
        (Targets.of(tags=["a"]), True, True),
        (Targets.of(urls=["/a"]), True, False),
        (Targets.of(prefixes=["/a/"]), True, False),
        (Targets.of(keys=["a"]), False, True),
        (Targets(), False, False),
    ],
)
def test_a_product_is_concerned_by_what_it_may_hold(targets: Targets, pages: bool, values: bool) -> None:
    assert (concerns(targets, Proxy), concerns(targets, Values)) == (pages, values)


def test_the_tag_index_is_asked_for_what_a_product_can_not_do_by_itself() -> None:
    targets = Targets.of(tags=["a"], urls=["/a"], prefixes=["/p/"], keys=["k"], everything=True)
    assert unresolved(targets, UrlsAlone) == Targets.of(tags=["a"], prefixes=["/p/"], everything=True)
    assert unresolved(Targets.of(tags=["a"]), UrlsAlone) == Targets.of(tags=["a"])
    assert unresolved(targets, Proxy) == unresolved(targets, Values) == Targets()


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [{"verb": "purge_everything", "items": []}],
        [{"verb": "purge_urls", "items": ["/a"], "job": "7"}, {"verb": "purge_tags", "items": ["a"]}],
        [{"verb": "purge_keys", "items": ["a", KEY.document()]}],
    ],
)
def test_stored_steps_are_taken(steps: Any) -> None:
    check_steps(steps)


@pytest.mark.parametrize(
    "steps",
    [
        None,
        {"verb": "purge_everything", "items": []},
        [7],
        [{"verb": "drop", "items": []}],
        [{"verb": ["purge_urls"], "items": []}],
        [{"items": []}],
        [{"verb": "purge_urls"}],
        [{"verb": "purge_urls", "items": "/a"}],
        [{"verb": "purge_urls", "items": ["/a", 7]}],
        [{"verb": "purge_urls", "items": [], "job": 7}],
        [{"verb": "purge_urls", "items": []}, 7],
    ],
)
def test_what_is_stored_and_no_steps_is_refused_with_what_to_do(steps: Any) -> None:
    with pytest.raises(InvalidTarget, match=r"^the calls that are left are none; a replay plans them anew\.$"):
        check_steps(steps)


def test_a_stored_key_that_is_none_is_refused_as_one() -> None:
    with pytest.raises(InvalidTarget, match=r"^7 is not a cache key"):
        check_steps([{"verb": "purge_keys", "items": [7]}])


def test_the_calls_of_many_deliveries_are_merged_verb_by_verb_and_cut_anew() -> None:
    steps = [
        Step("purge_urls", ("/a", "/b")),
        Step("purge_tags", ("t",)),
        Step("purge_urls", ("/b", "/c", "/d")),
        Step("purge_prefixes", ("/p/",)),
        Step("purge_prefixes", ("/q/", "/r/")),
        Step("purge_everything"),
        Step("purge_tags", ("u", "v")),
        Step("purge_everything"),
    ]
    assert merged(steps, Proxy) == [
        Step("purge_urls", ("/a", "/b", "/c")),
        Step("purge_urls", ("/d",)),
        Step("purge_tags", ("t", "u")),
        Step("purge_tags", ("v",)),
        Step("purge_prefixes", ("/p/", "/q/")),
        Step("purge_prefixes", ("/r/",)),
        Step("purge_everything"),
    ]
    keys = [Step("purge_keys", (CacheKey(name),)) for name in "abc"]
    assert [step.items for step in merged(keys, Values)] == [(CacheKey("a"), CacheKey("b")), (CacheKey("c"),)]


def test_tags_of_many_deliveries_are_merged_into_headers_of_no_more_bytes_than_fit() -> None:
    steps = [Step("purge_tags", ("aaaa",)), Step("purge_tags", ("bbbbb",))]
    assert [step.items for step in merged(steps, Proxy)] == [("aaaa",), ("bbbbb",)]
