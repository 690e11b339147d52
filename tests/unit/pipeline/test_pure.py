"""The pure decisions: transitions, backoff, coalescing, planning, widening, the graph, whose turn it is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from invalidation.conf import Tier, graph
from invalidation.exceptions import RejectedError, Throttled, TransientError, Unproven
from invalidation.models import BatchStatus, DeliveryStatus, Widening
from invalidation.pipeline.delivery.backoff import backoff_seconds
from invalidation.pipeline.intake import backpressure
from invalidation.pipeline.intake.drain import lanes
from invalidation.pipeline.outcome import Budget, batch_status, crashed, decide
from invalidation.pipeline.planning.plan import Resolution, Step, concerns, plan, unresolved
from invalidation.pipeline.planning.widen import folder, widen
from invalidation.rows.states import DEAD_LETTERS, DELIVERY, FINAL, Action
from invalidation.targets.coalesce import coalesce
from invalidation.targets.sites import expand
from invalidation.targets.values import Lane, Targets
from tests.unit.pipeline.chain import SITE, Chain, Free

BUDGET = Budget(attempts=1, max_attempts=3, left_seconds=1000)
URLS = st.sampled_from(["/", "/a/", "/a/b/", "/a/b/c?x=1", "/b", "/b/c/d/", f"{SITE}/a/e", "/ab"])
TARGETS = st.builds(
    Targets,
    tags=st.frozensets(st.sampled_from(["post", "post:1", "post:2", "author:7"])),
    urls=st.frozensets(URLS),
    prefixes=st.frozensets(st.sampled_from(["/a/", "/a/b/", "/b", f"{SITE}/a/"])),
    everything=st.booleans(),
)


class WithoutTags(Chain):
    """Exact URLs alone."""

    supports_tags = False
    supports_prefixes = False
    supports_everything = False


def covers(wide: Targets, narrow: Targets) -> bool:
    """Does purging `wide` purge all of `narrow`?"""
    if wide.everything:
        return True
    below = tuple(wide.prefixes)
    return (
        not narrow.everything
        and narrow.tags <= wide.tags
        and all(url in wide.urls or url.startswith(below) for url in narrow.urls)
        and all(prefix.startswith(below) for prefix in narrow.prefixes)
    )


@given(st.sampled_from(DeliveryStatus), st.lists(st.sampled_from(Action)))
def test_a_final_state_is_left_by_replay_alone(status: DeliveryStatus, actions: list[Action]) -> None:
    for action in actions:
        following = DELIVERY.moves.get((status, action))
        assert following is None or status not in FINAL or action is Action.REPLAY
        status = following or status


def test_every_state_leads_to_the_end_and_from_a_purge_nothing_leads_away() -> None:
    assert {status for status, _ in DELIVERY.moves} == set(DeliveryStatus) - {DeliveryStatus.PURGED}
    assert {DELIVERY.moves[status, Action.REPLAY] for status in DEAD_LETTERS} == {DeliveryStatus.PENDING}


@pytest.mark.parametrize(
    ("error", "budget", "status", "consumed"),
    [
        (TransientError("down"), BUDGET, "failed", True),
        (Unproven("no marker"), BUDGET, "failed", True),
        (TransientError("down"), Budget(3, 3, 1000), "dead", True),
        (RejectedError("forbidden"), BUDGET, "rejected", True),
        (Throttled("slow down"), Budget(3, 3, 1000), "deferred", False),
        (Throttled("slow down"), Budget(1, 3, 0), "dead", True),
    ],
)
def test_what_an_error_means(error: TransientError, budget: Budget, status: str, consumed: bool) -> None:
    outcome = decide(error, budget, backoff_seconds=2)
    assert (outcome.status, outcome.consumes_attempt) == (status, consumed)
    assert outcome.error.startswith(str(error))


def test_a_pause_that_the_tier_asks_for_is_obeyed_above_the_cap_but_not_beyond_the_time_left() -> None:
    assert decide(Throttled("", retry_after_seconds=900), BUDGET, backoff_seconds=2).wait_seconds == 900
    assert decide(Throttled("", retry_after_seconds=1), BUDGET, backoff_seconds=2).wait_seconds == 2
    assert decide(Throttled("", retry_after_seconds=10**9), BUDGET, backoff_seconds=2).wait_seconds == 1000


def test_a_delivery_that_kills_its_workers_ends_in_words() -> None:
    assert crashed(BUDGET).status == DeliveryStatus.DEAD
    assert "worker died" in crashed(BUDGET).error


@given(st.lists(st.sampled_from(DeliveryStatus)))
def test_a_batch_runs_until_all_is_final_and_is_dead_if_anything_is(statuses: list[DeliveryStatus]) -> None:
    expected = BatchStatus.DEAD if DEAD_LETTERS & set(statuses) else BatchStatus.DONE
    assert batch_status(statuses) == (expected if set(statuses) <= FINAL else BatchStatus.RUNNING)


@given(st.integers(0, 5000))
def test_a_wait_is_never_negative_nor_above_its_growing_bound(attempts: int) -> None:
    wait = backoff_seconds(attempts, base_seconds=0.5, cap_seconds=300)
    assert 0 <= wait <= min(300, 0.5 * 2 ** min(max(0, attempts - 1), 20))


@given(st.lists(TARGETS, max_size=5))
def test_coalescing_loses_nothing_and_is_idempotent(many: list[Targets]) -> None:
    merged = coalesce(many)
    assert all(covers(merged, targets) for targets in many)
    assert coalesce([merged]) == merged
    assert coalesce(reversed(many)) == merged


@given(TARGETS, st.sampled_from([Chain, Free, WithoutTags]))
def test_a_plan_stays_within_the_limits_and_names_every_target_once(targets: Targets, product: type[Chain]) -> None:
    found = plan(targets, product, [SITE], Resolution(frozenset({f"{SITE}/indexed/"})))
    named: dict[str, list[str]] = {}
    for step in found.steps:
        assert len(step.items) <= {"purge_urls": 2, "purge_prefixes": 1}.get(step.verb, 1000)
        assert Step.from_document(step.document()) == step
        named.setdefault(step.verb, []).extend(step.items)
    assert all(len(items) == len(set(items)) for items in named.values())
    if not (targets.everything and product.supports_everything):
        wanted = {absolute for url in targets.urls for absolute in expand(url, [SITE])}
        below = tuple(named.get("purge_prefixes", []))
        left = {url for url in wanted if not url.startswith(below)}
        assert not product.holds_responses or left <= set(named.get("purge_urls", []))
        assert not product.supports_tags or set(named.get("purge_tags", [])) == targets.tags
    assert bool(found.steps) >= concerns(targets, product) or unresolved(targets, product)


@given(TARGETS, st.sampled_from([*Widening, "tags"]), st.sampled_from([Chain, Free, WithoutTags]))
def test_widening_loses_nothing_whatever_level_is_stored(targets: Targets, widening: str, product: type[Chain]) -> None:
    wide, decisions = widen(targets, product, widening)
    assert covers(wide, targets)
    assert bool(decisions) == (wide != targets)


def test_widening_goes_from_urls_to_prefixes_to_everything() -> None:
    targets = Targets.of(urls=[*(f"/blog/{number}/" for number in range(20)), "/about/"], tags=["post"])
    steps = [widen(targets, Chain, level)[0] for level in Widening]
    assert [len(step.urls) for step in steps] == [21, 1, 0]
    assert steps[1].prefixes == {"/blog/"}
    assert steps[2] == Targets(everything=True)


def test_a_product_that_can_not_purge_wider_is_purged_exactly() -> None:
    targets = Targets.of(urls=[f"/blog/{number}/" for number in range(20)])
    assert widen(targets, WithoutTags, Widening.EVERYTHING) == (targets, ())
    assert widen(targets, Free, Widening.EVERYTHING) == (targets, ())


@given(URLS)
def test_a_folder_covers_its_url(url: str) -> None:
    assert url.startswith(folder(url))


@given(st.integers(0, 10**7))
def test_a_deeper_backlog_never_widens_less(depth: int) -> None:
    ranks = list(Widening)
    assert ranks.index(backpressure.level(depth, backpressure.depths())) <= ranks.index(
        backpressure.level(depth + 1, backpressure.depths())
    )


def test_the_levels_begin_at_their_depths() -> None:
    depths = {Widening.PREFIXES: 20, Widening.EVERYTHING: 30}
    found = [backpressure.level(depth, depths) for depth in (0, 19, 20, 29, 30, 99)]
    assert found == ["", "", "prefixes", "prefixes", "everything", "everything"]


@st.composite
def forests(draw: st.DrawFn) -> Mapping[str, Tier]:
    """Tiers that fill from earlier ones."""
    names = [f"tier-{number}" for number in range(draw(st.integers(1, 6)))]
    return {
        name: Tier(name, "", tuple(sorted(draw(st.sets(st.sampled_from(names[:place]))) if place else ())))
        for place, name in enumerate(names)
    }


@given(forests(), st.sets(st.integers(0, 5)))
def test_no_tier_comes_before_one_that_it_fills_from(tiers: Mapping[str, Tier], attempted: set[int]) -> None:
    order = graph.order(tiers)
    waiting = {name for place, name in enumerate(tiers) if place not in attempted}
    free = graph.unblocked(tiers, waiting, waiting)
    assert sorted(order) == sorted(tiers)
    for name in tiers:
        assert all(order.index(inner) < order.index(name) for inner in graph.inner(tiers, name))
        assert all(name in graph.outer(tiers, inner) for inner in graph.inner(tiers, name))
        assert (name in free) == (name in waiting and not graph.inner(tiers, name) & waiting)
    assert bool(free) == bool(waiting)


@pytest.mark.parametrize("fills_from", [{"a": ("b",), "b": ("a",)}, {"a": ("lost",)}])
def test_a_circle_and_an_unknown_tier_are_refused(fills_from: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ImproperlyConfigured):
        graph.order({name: Tier(name, "", inner) for name, inner in fills_from.items()})


def test_the_foremost_lane_is_served_first_and_every_fifth_time_the_lowest() -> None:
    first = [lanes(batches, 5)[0] for batches in range(10)]
    assert first == [*[Lane.TAKEDOWN] * 4, Lane.BULK] * 2
    assert lanes(3, 0)[0] == lanes(4, 0)[0] == Lane.TAKEDOWN


def test_the_front_page_has_one_address_with_and_without_its_slash() -> None:
    bare = Targets.of(urls=["https://example.com", "https://example.com?z=1"])
    assert bare == Targets.of(urls=["https://example.com/", "https://example.com/?z=1"])
