"""What is purged again, what a copy proves, and what a minute's rows tell: decisions about rows that nobody stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from invalidation.models import Batch, Delivery
from invalidation.pipeline.aftercare.rebound import Due, Purge, _groups, proved, remaining
from invalidation.pipeline.aftercare.sample import percentiles, seconds, succeeded
from invalidation.pipeline.aftercare.verify import is_answer, is_stale
from invalidation.pipeline.intake.claim import batched
from invalidation.providers.answers.reply import Probe
from invalidation.rows.deliveries import Ended
from invalidation.targets.values import Targets
from tests.unit.pipeline.conftest import declared

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ALL = Targets.of(tags=["a"], urls=["/a/"], prefixes=["/b/"], keys=["k"])


def purge(targets: Targets, after: timedelta = timedelta(0), tiers: str = "", mode: str = "delete") -> Purge:
    return Purge(NOON + after, tiers, mode, targets)


def test_what_a_later_batch_purged_everywhere_is_not_left() -> None:
    done = Targets.of(tags=["a", "x"], urls=["/x/"], prefixes=["/x/"], keys=["x"])
    assert remaining(purge(ALL), NOON, []) == ALL
    assert remaining(purge(ALL), NOON, [purge(done)]) == Targets.of(urls=["/a/"], prefixes=["/b/"], keys=["k"])
    assert remaining(purge(ALL), NOON, [purge(Targets.of(urls=["/a/"]), SECOND), purge(Targets.of(keys=["k"]))]) == (
        Targets.of(tags=["a"], prefixes=["/b/"])
    )
    assert remaining(purge(ALL), NOON, [purge(Targets.of(prefixes=["/b/"]))]).prefixes == frozenset()


def test_everything_leaves_keys_and_is_left_by_all_else() -> None:
    everything = Targets(everything=True)
    assert remaining(purge(ALL), NOON, [purge(everything)]) == Targets.of(keys=["k"])
    assert remaining(purge(everything), NOON, [purge(ALL)]) == everything


def test_a_later_batch_counts_from_the_due_time_on_where_it_went_as_far() -> None:
    own = purge(ALL, tiers="edge")
    assert remaining(own, NOON, [purge(ALL, -SECOND)]) == ALL
    assert remaining(own, NOON, [purge(ALL, tiers="inner")]) == ALL
    assert not remaining(own, NOON, [purge(ALL, tiers="edge")])
    assert not remaining(own, NOON, [purge(ALL)])


@pytest.mark.parametrize(
    ("own", "enough"),
    [
        ("delete", {"delete", "refresh"}),
        ("refresh", {"delete", "refresh"}),
        ("invalidate", {"delete", "refresh", "invalidate"}),
    ],
)
def test_a_later_batch_counts_where_it_was_as_thorough(own: str, enough: set[str]) -> None:
    modes = ("delete", "refresh", "invalidate")
    assert {mode for mode in modes if not remaining(purge(ALL, mode=own), NOON, [purge(ALL, mode=mode)])} == enough


def test_a_node_is_rebounded_that_proved_its_purge_in_time_and_after_the_last_rebound() -> None:
    def found(at: datetime | None, status: str = "purged", since: datetime | None = None) -> bool:
        nodes = proved([Delivery(tier="edge", node="e", status=status, completed_at=at)], since, NOON)
        assert nodes <= {("edge", "e")}
        return bool(nodes)

    assert found(NOON)
    assert not found(NOON + SECOND)
    assert not found(None)
    assert not found(NOON, status="dead")
    assert found(NOON, since=NOON - SECOND)
    assert not found(NOON, since=NOON)


def test_rebounds_share_a_batch_where_all_is_alike_and_as_many_as_it_holds(settings: Settings) -> None:
    settings.INVALIDATION = declared(BATCH_TARGETS_LIMIT=4)
    node, other = frozenset({("edge", "e")}), frozenset({("edge", "f")})

    def due(targets: str, nodes: frozenset[tuple[str, str]] = node, **values: object) -> Due:
        return Due(Batch(**{"mode": "delete", **values}), Targets.of(tags=[*targets]), nodes)

    def grouped(*many: Due) -> list[str]:
        return sorted(" ".join("".join(sorted(one.left.tags)) for one in group) for group in _groups(many))

    assert grouped() == []
    assert grouped(due("ab"), due("cd")) == ["ab cd"]
    assert grouped(due("ab"), due("c"), due("de"), due("f")) == ["ab c", "de f"]
    assert grouped(due("abcdef"), due("g")) == ["abcdef", "g"]
    assert grouped(due("a"), due("b", other), due("c")) == ["a c", "b"]
    for apart in ({"mode": "invalidate"}, {"tiers": "edge"}, {"rebound_id": 7}):
        assert grouped(due("a"), due("b", **apart), due("c")) == ["a c", "b"]


def test_a_page_is_stale_that_was_rendered_before_it_was_purged() -> None:
    assert is_stale(6, 7)
    assert not is_stale(7, 7)
    assert not is_stale(None, 7)
    assert not is_stale(6, None)


@pytest.mark.parametrize(
    ("code", "tells"),
    [(200, True), (404, True), (499, True), (500, False), (503, False)]
    + [(code, False) for code in (401, 403, 407, 408, 429)],
)
def test_an_answer_tells_of_the_page_unless_it_is_about_the_node(code: int, tells: bool) -> None:
    assert is_answer(Probe(code)) is tells


def test_of_many_the_50th_and_the_95th_are_told() -> None:
    assert percentiles([float(number) for number in range(101)]) == (50.0, 95.0)
    assert percentiles([]) == (None, None)
    assert percentiles([3.0]) == (3.0, 3.0)
    assert list(percentiles([1.0, 3.0])) == pytest.approx([2.0, 2.9])


def ended(at: datetime | None, recorded_at: datetime | None = NOON, **values: str) -> Ended:
    fields = {"tier": "edge", "node": "e", "delivery_pass": "purge", "status": "purged", **values}
    return Ended(**fields, completed_at=at, claimed_at=NOON, recorded_at=recorded_at)


def test_a_proof_takes_from_the_oldest_event_to_the_first_pass_and_never_less_than_nothing() -> None:
    rows = [ended(NOON + 2 * SECOND), ended(NOON + 9 * SECOND, delivery_pass="rebound"), ended(NOON, NOON + SECOND)]
    rows += [ended(NOON, None), ended(None), ended(NOON + 9 * SECOND, status="dead"), ended(NOON + SECOND)]
    assert seconds(rows) == [2.0, 0.0, 1.0]


def test_a_node_succeeded_when_it_last_proved_a_purge() -> None:
    rows = [ended(NOON + SECOND), ended(NOON), ended(NOON + 2 * SECOND, status="dead"), ended(NOON, node="f")]
    assert succeeded(rows) == {"edge e": "2026-01-01T12:00:01+00:00", "edge f": "2026-01-01T12:00:00+00:00"}
    assert succeeded([ended(None)]) == {}


def test_the_targets_of_a_batch_are_merged_and_stand_for_their_variants(settings: Settings) -> None:
    many = [Targets.of(urls=["/a"], tags=["t"]), Targets.of(urls=["/a", "/b/c"], prefixes=["/b/"])]
    assert batched(many) == Targets.of(urls=["/a"], tags=["t"], prefixes=["/b/"])
    settings.INVALIDATION = declared(LANGUAGE_PREFIXES=["de"])
    assert batched([Targets.of(urls=["/a"])]).urls == {"/a", "/de/a"}
    settings.INVALIDATION = declared(TRAILING_SLASH_TWINS=True)
    assert batched([Targets.of(urls=["/a"])]).urls == {"/a", "/a/"}
    settings.INVALIDATION = declared(QUERY_VARIANTS=["print=1"])
    assert batched([Targets.of(urls=["/a"])]).urls == {"/a", "/a?print=1"}
    settings.INVALIDATION = declared(TRAILING_SLASH_TWINS=True)
    assert batched([Targets.of(urls=["/b"], prefixes=["/b/"])]).urls == {"/b"}
