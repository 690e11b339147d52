"""When fewer and wider calls are made than were asked for, how wide, and what is said of it."""

from __future__ import annotations

from collections.abc import Collection
from math import inf

import pytest

from invalidation.models import Widening
from invalidation.pipeline.planning.escalate import cheaper, escalate, with_urls
from invalidation.pipeline.planning.plan import Limits, Plan, Resolution, plan
from invalidation.pipeline.planning.widen import FOLDER_URLS, allows, folder, widen
from invalidation.providers.base import Provider
from invalidation.targets.values import Targets
from tests.unit.pipeline.products import UrlsAlone

SITE = "https://one.example"


class Proxy(UrlsAlone):
    """One URL a call."""

    supports_tags: bool = True
    supports_prefixes: bool = True
    supports_everything: bool = True
    max_prefixes_per_call = 10


class Paid(Proxy):
    """A cent an item."""

    price_per_item_usd = 0.01


class WithoutEverything(Proxy):
    """Can't be emptied."""

    supports_everything: bool = False


class Bulk(WithoutEverything):
    """Takes many URLs a call, one prefix, and money for each."""

    max_urls_per_call = 20
    max_prefixes_per_call = 1
    price_per_item_usd = 0.01


class WithoutPrefixes(Proxy):
    """Can be emptied, and nothing between."""

    supports_prefixes: bool = False


class Values(Proxy):
    """Keeps values under keys."""

    holds_responses = False


def below(*folders: str, number: int) -> list[str]:
    return [f"{SITE}/{name}/{page}" for name in folders for page in range(number)]


def exactly(targets: Targets, product: type[Provider] = Proxy) -> Plan:
    return plan(targets, product, [SITE], Resolution())


@pytest.mark.parametrize(
    ("widening", "reaches"),
    [
        ("", [Widening.NONE]),
        ("prefixes", [Widening.NONE, Widening.PREFIXES]),
        ("everything", [Widening.NONE, Widening.PREFIXES, Widening.EVERYTHING]),
        ("tags", []),
    ],
)
def test_a_level_reaches_as_far_as_it_says_and_an_unknown_one_nowhere(widening: str, reaches: list[Widening]) -> None:
    assert [level for level in Widening if allows(widening, level)] == reaches


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("/blog/a/?page=2", "/blog/"),
        ("/blog/", "/blog/"),
        ("/blog", ""),
        ("/", ""),
        ("//a", ""),
        (f"{SITE}/blog/a", f"{SITE}/blog/"),
        (f"{SITE}/blog", ""),
        ("http://one.example:80/blog/", "http://one.example:80/blog/"),
    ],
)
def test_the_folder_of_a_page_is_the_first(url: str, found: str) -> None:
    assert folder(url) == found


def test_a_folder_is_widened_from_ten_urls_on_and_the_others_stay() -> None:
    urls = [*below("a", number=FOLDER_URLS), *below("b", number=FOLDER_URLS - 1), f"{SITE}/c"]
    targets = Targets.of(tags=["t"], urls=urls, prefixes=["/p/"], keys=["k"])
    wide, decisions = widen(targets, Proxy, Widening.PREFIXES)
    assert FOLDER_URLS == 10
    assert wide == Targets.of(tags=["t"], urls=urls[FOLDER_URLS:], prefixes=["/p/", f"{SITE}/a/"], keys=["k"])
    assert decisions == ("backlog: 10 URLs widened to 1 prefixes",)


def test_pages_directly_below_the_root_are_in_no_folder() -> None:
    targets = Targets.of(urls=[f"{SITE}/{number}" for number in range(30)])
    assert widen(targets, Proxy, Widening.PREFIXES) == (targets, ())


def test_the_widest_level_empties_and_says_of_how_many_targets() -> None:
    targets = Targets.of(tags=["t"], urls=["/a"])
    assert widen(targets, Proxy, Widening.EVERYTHING, why="limit") == (
        Targets(everything=True), ("limit: 2 targets widened to everything",),
    )  # fmt: skip


def test_what_can_not_be_emptied_is_widened_to_folders_at_most() -> None:
    targets = Targets.of(urls=below("a", number=10))
    assert widen(targets, WithoutEverything, Widening.EVERYTHING)[0] == Targets.of(prefixes=[f"{SITE}/a/"])
    assert widen(targets, WithoutPrefixes, Widening.PREFIXES) == (targets, ())
    assert widen(targets, WithoutPrefixes, Widening.EVERYTHING)[0] == Targets(everything=True)


def test_nothing_is_widened_without_a_level_nor_where_all_is_meant_nor_in_a_cache_of_values() -> None:
    many, everything = Targets.of(urls=below("a", number=30)), Targets(everything=True)
    assert widen(many, Proxy, Widening.NONE) == (many, ())
    assert widen(everything, Proxy, Widening.EVERYTHING) == (everything, ())
    assert widen(many, Values, Widening.EVERYTHING) == (many, ())


def test_what_a_product_can_not_do_by_itself_is_replaced_by_known_urls() -> None:
    targets = Targets.of(tags=["t"], urls=["/a"], prefixes=["/p/"], keys=["k"], everything=True)
    known = Resolution(frozenset({"/b"}))
    assert with_urls(targets, known, UrlsAlone) == Targets.of(urls=["/a", "/b"], keys=["k"])
    assert with_urls(targets, known, Proxy) == targets | Targets.of(urls=["/b"])
    assert with_urls(Targets.of(tags=["t"]), Resolution(), Values) == Targets.of(tags=["t"])
    assert not with_urls(Targets.of(urls=["/a"]), Resolution(), Proxy).everything


def escalated(targets: Targets, limits: Limits, product: type[Provider] = Proxy) -> Plan:
    return escalate(exactly(targets, product), targets, product, [SITE], limits=limits)


def test_escalation_stops_at_the_first_level_within_the_limit() -> None:
    targets = Targets.of(urls=below("a", "b", number=20))
    assert [step.verb for step in escalated(targets, Limits(calls=1)).steps] == ["purge_prefixes"]
    assert escalated(targets, Limits(calls=1)).decisions == (
        "40 calls are above the limit of 1: 40 URLs widened to 2 prefixes",
    )
    alone = Targets.of(urls=[*below("a", number=20), f"{SITE}/b"])
    assert [step.verb for step in escalated(alone, Limits(calls=1)).steps] == ["purge_everything"]
    assert escalated(alone, Limits(calls=1)).decisions == (
        "21 calls are above the limit of 1: 21 targets widened to everything",
    )
    assert len(escalated(alone, Limits(calls=2)).steps) == 2


def test_escalation_keeps_what_was_decided_before() -> None:
    targets = Targets.of(urls=[*below("a", number=20), "https://else.example/"])
    left_out = "left out 1 URLs on no site of this tier, such as https://else.example/"
    assert escalated(targets, Limits(calls=1)).decisions == (
        left_out, "20 calls are above the limit of 1: 20 URLs widened to 1 prefixes",
    )  # fmt: skip


def test_the_least_that_a_product_can_is_said_with_its_price_where_it_has_one() -> None:
    targets = Targets.of(urls=below("a", number=5))
    unaided = escalated(targets, Limits(calls=2), UrlsAlone)
    assert unaided.steps == exactly(targets, UrlsAlone).steps
    assert unaided.decisions == ("5 calls are above the limit of 2, and 5 calls is the least that this product can",)
    dear = escalated(targets, Limits(price_usd=0.001), Paid)
    assert [step.verb for step in dear.steps] == ["purge_everything"]
    assert dear.decisions == (
        "$0.05 is above the limit of $0.00: 5 targets widened to everything",
        "$0.05 is above the limit of $0.00, and 1 calls for $0.01 is the least that this product can",
    )


def test_a_product_that_can_not_be_emptied_ends_at_folders() -> None:
    targets = Targets.of(urls=[*below("a", number=10), f"{SITE}/b"], tags=["t"])
    found = escalated(targets, Limits(calls=2), WithoutEverything)
    assert [step.verb for step in found.steps] == ["purge_tags", "purge_prefixes", "purge_urls"]
    assert found.decisions == (
        "12 calls are above the limit of 2: 10 URLs widened to 1 prefixes",
        "12 calls are above the limit of 2, and 3 calls is the least that this product can",
    )


def test_a_wider_plan_is_taken_only_where_it_is_smaller() -> None:
    targets = Targets.of(urls=below("a", number=10))
    found = escalated(targets, Limits(calls=0.5), Bulk)
    assert [step.verb for step in found.steps] == ["purge_urls"]
    assert found.decisions == (
        "1 calls are above the limit of 0.5, and 1 calls for $0.10 is the least that this product can",
    )
    assert cheapened(targets, Index(0), 0, Bulk) == exactly(targets, Bulk)


def test_of_two_limits_the_one_that_is_farther_away_decides() -> None:
    targets = Targets.of(urls=below("a", "b", number=10))
    found = escalated(targets, Limits(calls=10, price_usd=0.01), Bulk)
    assert [step.verb for step in found.steps] == ["purge_prefixes", "purge_prefixes"]
    assert found.price_usd == 0.02


def test_a_limit_that_is_reached_and_not_exceeded_is_no_reason() -> None:
    targets = Targets.of(urls=below("a", number=5))
    assert escalated(targets, Limits(calls=5, price_usd=0.04), Paid).decisions == (
        "$0.05 is above the limit of $0.04: 5 targets widened to everything",
    )


class Index:
    """Counts the pages that lie below prefixes, as it is told."""

    def __init__(self, pages: float) -> None:
        self.pages = pages
        self.asked: list[set[str]] = []

    def known(self, starts: Collection[str]) -> float:
        self.asked.append(set(starts))
        return self.pages


def cheapened(targets: Targets, index: Index, calls: int, product: type[Provider] = Proxy) -> Plan:
    return cheaper(exactly(targets, product), targets, product, [SITE], calls=calls, known=index.known)


@pytest.mark.parametrize(("pages", "widened"), [(40, True), (41, False), (inf, False)])
def test_folders_are_purged_instead_where_half_of_their_pages_were_named_anyway(pages: float, widened: bool) -> None:
    index = Index(pages)
    found = cheapened(Targets.of(urls=below("a", number=20)), index, 5)
    assert [step.verb for step in found.steps] == (["purge_prefixes"] if widened else ["purge_urls"] * 20)
    assert index.asked == ([{f"{SITE}/a/"}] if widened else [{f"{SITE}/a/"}, {""}])
    assert found.decisions == (("20 calls are above 5: 20 URLs widened to 1 prefixes",) if widened else ())


def test_all_is_emptied_where_half_of_all_pages_were_named() -> None:
    urls = [f"{SITE}/{number}" for number in range(20)]
    found = cheapened(Targets.of(urls=[*urls, "https://else.example/"]), Index(42), 5)
    assert [step.verb for step in found.steps] == ["purge_everything"]
    assert found.decisions == (
        "left out 1 URLs on no site of this tier, such as https://else.example/",
        "20 calls are above 5: 21 targets widened to everything",
    )


def test_nothing_wider_is_done_once_the_calls_are_few() -> None:
    targets = Targets.of(urls=[*below("a", number=20), f"{SITE}/b"])
    assert [step.verb for step in cheapened(targets, Index(0), 2).steps] == ["purge_prefixes", "purge_urls"]
    assert [step.verb for step in cheapened(targets, Index(0), 1).steps] == ["purge_everything"]


def test_a_product_that_can_do_nothing_wider_keeps_its_calls() -> None:
    targets, index = Targets.of(urls=below("a", number=20)), Index(0)
    assert cheapened(targets, index, 5, UrlsAlone) == exactly(targets, UrlsAlone)
    assert index.asked == []


def test_a_prefix_that_was_named_itself_is_not_counted() -> None:
    targets, index = Targets.of(urls=below("a", "b", number=10), prefixes=["/c/"]), Index(0)
    cheapened(targets, index, 5)
    assert index.asked == [{f"{SITE}/a/", f"{SITE}/b/"}]
