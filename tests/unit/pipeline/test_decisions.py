"""What the end of an attempt means, how long to wait, which tiers wait for which: the small decisions, word by word."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from invalidation.conf import Tier, graph
from invalidation.exceptions import DeliveryError, RejectedError, Throttled, TransientError, Unrecognised
from invalidation.models import BatchStatus, Delivery, DeliveryStatus
from invalidation.pipeline import repeat
from invalidation.pipeline.delivery.backoff import backoff_seconds
from invalidation.pipeline.delivery.idempotency_key import reference
from invalidation.pipeline.delivery.slowness import SLOW_SECONDS, Slowness, allowed_seconds
from invalidation.pipeline.outcome import Budget, Outcome, batch_status, crashed, decide, defer
from invalidation.pipeline.planning.plan import Step
from invalidation.rows.states import BATCH, DELIVERY, EVENT, Action, BatchMove, EventMove
from invalidation.targets.values import CachePlace

FRESH = Budget(attempts=1, max_attempts=3, left_seconds=100)
LAST = Budget(attempts=3, max_attempts=3, left_seconds=100)
OVER = Budget(attempts=1, max_attempts=3, left_seconds=0)


def failed(error: DeliveryError, budget: Budget) -> Outcome:
    return decide(error, budget, backoff_seconds=7)


def test_a_failure_waits_and_keeps_what_the_cache_said() -> None:
    error = TransientError("Down.", reply="503")
    assert failed(error, FRESH) == Outcome(Action.FAIL, reply="503", error=str(error), wait_seconds=7)
    assert failed(error, Budget(2, 3, 0)).action == Action.FAIL
    assert failed(error, LAST) == Outcome(Action.EXHAUST, reply="503", error=str(error))
    assert failed(error, Budget(4, 3, 100)).action == Action.EXHAUST


def test_a_rejection_is_not_tried_again() -> None:
    error = RejectedError("Forbidden.", reply="403")
    assert failed(error, FRESH) == Outcome(Action.REJECT, reply="403", error=str(error))


def test_an_answer_that_nobody_recognises_is_tried_as_often_as_it_allows() -> None:
    error = Unrecognised("What?")
    allowed = error.attempts_allowed
    assert failed(error, Budget(allowed - 1, allowed + 9, 100)).action == Action.FAIL
    assert failed(error, Budget(allowed, allowed + 9, 100)).action == Action.REJECT


def test_a_throttled_call_waits_for_what_it_is_told_and_no_less_than_others() -> None:
    asked = failed(Throttled("Slowly.", retry_after_seconds=9), LAST)
    assert asked == Outcome(
        Action.DEFER, error=str(Throttled("Slowly.")), wait_seconds=9, consumes_attempt=False
    )  # fmt: skip
    assert failed(Throttled("Slowly.", retry_after_seconds=3), FRESH).wait_seconds == 7
    assert failed(Throttled("Slowly."), FRESH).wait_seconds == 7
    assert decide(Throttled("Slowly."), FRESH, backoff_seconds=0.5).wait_seconds == 0.5


def test_what_was_put_off_for_too_long_is_given_up_in_words() -> None:
    late = defer(Outcome(Action.FAIL, error="Busy.", wait_seconds=5), OVER)
    assert late == Outcome(Action.EXHAUST, error="Busy. Put off for too long; given up.")
    assert defer(Outcome(Action.FAIL, wait_seconds=5), Budget(1, 3, 1)).wait_seconds == 1
    assert defer(Outcome(Action.FAIL, wait_seconds=5), Budget(1, 3, 9)).wait_seconds == 5
    assert Outcome(Action.FAIL).wait_seconds == 0


def test_a_delivery_whose_workers_died_says_how_often() -> None:
    assert crashed(FRESH) == Outcome(
        Action.EXHAUST,
        error="The last of 3 attempts never ended: its worker died or was killed, and so may those before it. "
        "See the workers' logs, then replay.",
    )


def test_an_outcome_is_final_where_it_ends_the_delivery() -> None:
    final = {action for action in Action if action is not Action.LEASE and Outcome(action).final}
    assert final == {Action.PROVE, Action.REJECT, Action.EXHAUST}
    assert Outcome(Action.DEFER).status == DeliveryStatus.DEFERRED


def test_a_batch_is_dead_by_one_dead_letter_and_not_before_all_is_final() -> None:
    done, dead = DeliveryStatus.PURGED, DeliveryStatus.DEAD
    assert batch_status([done, done]) == batch_status([]) == BatchStatus.DONE
    assert batch_status([done, dead]) == batch_status([DeliveryStatus.REJECTED]) == BatchStatus.DEAD
    assert batch_status([done, dead, DeliveryStatus.REJECTED]) == BatchStatus.DEAD
    assert batch_status([dead, DeliveryStatus.FAILED]) == BatchStatus.RUNNING


def test_a_machine_names_where_a_move_is_possible_and_where_it_leads() -> None:
    assert DELIVERY.sources(Action.REPLAY) == {DeliveryStatus.REJECTED, DeliveryStatus.DEAD}
    assert DELIVERY.target(Action.REPLAY) == DeliveryStatus.PENDING
    assert BATCH.sources(BatchMove.REOPEN) == {BatchStatus.DEAD}
    assert EVENT.target(EventMove.BURY) == "dead"


def test_a_wait_doubles_from_attempt_to_attempt_up_to_the_cap() -> None:
    def longest(attempts: int) -> float:
        return max(backoff_seconds(attempts, base_seconds=1, cap_seconds=6) for _ in range(300))

    assert 0.9 < longest(0) <= 1
    assert 0.9 < longest(1) <= 1
    assert 1.8 < longest(2) <= 2
    assert 3.6 < longest(3) <= 4
    assert 5.4 < longest(9) <= 6
    assert 0.45 < max(backoff_seconds(1, base_seconds=0.5, cap_seconds=6) for _ in range(300)) <= 0.5


CHAIN = {
    "values": Tier("values", "", ()),
    "inner": Tier("inner", "", ("values",)),
    "edge": Tier("edge", "", ("inner",)),
    "other": Tier("other", "", ()),
}


def test_a_tier_is_inside_another_through_any_number_of_others() -> None:
    assert graph.inner(CHAIN, "edge") == {"inner", "values"}
    assert graph.outer(CHAIN, "values") == {"inner", "edge"}
    assert graph.inner(CHAIN, "values") == graph.inner(CHAIN, "gone") == graph.outer(CHAIN, "gone") == frozenset()


def test_a_diamond_of_tiers_is_walked_once() -> None:
    diamond = CHAIN | {"top": Tier("top", "", ("inner", "other", "edge"))}
    assert graph.inner(diamond, "top") == {"inner", "other", "edge", "values"}


def test_a_tier_waits_for_those_inside_it_that_were_not_attempted() -> None:
    assert graph.unblocked(CHAIN, ["inner", "edge", "other"], ["inner"]) == {"inner", "other"}
    assert graph.unblocked(CHAIN, ["edge"], []) == {"edge"}
    assert graph.unblocked(CHAIN, ["edge"], ["values"]) == frozenset()


def test_a_wrong_graph_is_refused_with_the_names() -> None:
    with pytest.raises(ImproperlyConfigured) as unknown:
        graph.order({"a": Tier("a", "", ("lost", "gone", "a"))})
    assert str(unknown.value) == "Tier 'a' fills from ['gone', 'lost']; declare it or correct the name."
    with pytest.raises(ImproperlyConfigured) as circle:
        graph.order({"a": Tier("a", "", ("b",)), "b": Tier("b", "", ("a",))})
    assert re.fullmatch(
        r"Tiers fill from each other: (a → b → a|b → a → b); "
        r"remove one FILLS_FROM: an inner cache never fills from an outer\.",
        str(circle.value),
    )


PLACE, OTHER = CachePlace("inner", "http://a"), CachePlace("inner", "http://b")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """One reading of the monotonic clock, to be moved."""
    reading = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: reading[0])
    return reading


def test_more_calls_may_take_longer() -> None:
    assert allowed_seconds(0) == SLOW_SECONDS == 0.2
    assert allowed_seconds(20) == pytest.approx(0.4)
    assert allowed_seconds(40) == pytest.approx(0.6)


def test_a_node_is_slow_for_a_minute_or_until_it_is_fast_again(clock: list[float]) -> None:
    known = Slowness()
    known.note(PLACE, 0.3)
    assert (known.holds(PLACE), known.holds(OTHER)) == (True, False)
    clock[0] += 59
    assert known.holds(PLACE)
    clock[0] += 1
    assert not known.holds(PLACE)
    known.note(PLACE, 0.201)
    assert known.holds(PLACE)
    known.note(PLACE, 0.2)
    assert not known.holds(PLACE)
    known.note(PLACE, 0.3, calls=20)
    assert not known.holds(PLACE)
    known.note(PLACE, 0.5, calls=20)
    known.forget()
    assert not known.holds(PLACE)


def test_a_node_that_has_not_answered_for_too_long_is_slow_before_it_answers(clock: list[float]) -> None:
    known = Slowness()
    with known.asked(PLACE, 20):
        assert not known.holds(PLACE)
        clock[0] += 0.4
        assert not known.holds(PLACE)
        clock[0] += 0.1
        assert (known.holds(PLACE), known.holds(OTHER)) == (True, False)
    assert known.holds(PLACE)
    with known.asked(PLACE, 1):
        clock[0] += 0.1
    assert not known.holds(PLACE)


def test_a_node_is_not_slow_because_another_is_asked_right_after_the_machine_has_started(clock: list[float]) -> None:
    clock[0] = 0.5
    known = Slowness()
    with known.asked(OTHER, 0):
        assert not known.holds(PLACE)


def test_a_node_that_failed_slowly_is_slow_and_of_two_questions_the_later_counts(clock: list[float]) -> None:
    known = Slowness()

    def fail() -> None:
        with known.asked(PLACE, 0):
            clock[0] += 1
            raise OSError("down")

    with pytest.raises(OSError, match="down"):
        fail()
    assert known.holds(PLACE)
    known.forget()
    with known.asked(PLACE, 0):
        clock[0] += 0.1
        with known.asked(OTHER, 0), known.asked(PLACE, 0):
            clock[0] += 0.15
        assert not known.holds(PLACE)
    known.forget()
    later = known.asked(PLACE, 0)
    with known.asked(PLACE, 0):
        clock[0] += 0.1
        later.__enter__()
    clock[0] += 0.15
    assert not known.holds(PLACE)
    clock[0] += 0.1
    assert known.holds(PLACE)
    later.__exit__(None, None, None)


NUMBERS = count(1)
AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def row(status: str, calls: int = 0, node: str = "a", **values: Any) -> Delivery:
    return Delivery(pk=next(NUMBERS), tier="edge", node=node, status=status, calls=calls, **values)


def test_a_call_is_named_by_batch_delivery_moment_and_content() -> None:
    delivery = Delivery(pk=7, batch_id=3, tier="edge", created_at=AT)
    name = reference(delivery, Step("purge_urls", ("/a",)))
    assert re.fullmatch(r"batch-3-delivery-7-20260102030405000006-[0-9a-f]{20}", name)
    assert reference(delivery, Step("purge_urls", ("/a",))) == name
    assert reference(delivery, Step("purge_urls", ("/b",))) != name
    delivery.replayed_at = AT + timedelta(microseconds=1)
    assert reference(delivery, Step("purge_urls", ("/a",))) == name.replace("000006", "000007")


def test_the_name_of_a_call_is_the_same_in_every_version() -> None:
    """A vendor has it from the attempt before an upgrade."""
    delivery = Delivery(pk=7, batch_id=3, tier="edge", created_at=AT)
    assert reference(delivery, Step("purge_everything")).endswith("-a42cb7c38320c9d1009e")


@pytest.mark.parametrize(
    ("rows", "again"),
    [
        ([row("purged", 1)], True),
        ([row("running")], True),
        ([row("accepted")], True),
        ([row("failed", 1)], True),
        ([row("purged")], False),
        ([row("pending")], False),
        ([row("failed")], False),
        ([row("deferred")], False),
        ([row("dead", 1)], False),
        ([row("rejected", 1)], False),
        ([row("purged", 1), row("pending")], False),
        ([row("purged", 1), row("deferred")], False),
        ([row("purged", 1), row("failed", 1)], True),
        ([row("dead", 1), row("purged", 1)], True),
    ],
)
def test_a_node_is_purged_again_that_removed_something_too_early(rows: list[Delivery], again: bool) -> None:
    assert repeat.too_early(rows) == ([CachePlace("edge", "a")] if again else [])


def test_each_node_is_looked_at_by_itself() -> None:
    rows = [row("purged", 1, "a"), row("pending", 0, "a"), row("purged", 1, "b")]
    assert repeat.too_early(rows) == [CachePlace("edge", "b")]
