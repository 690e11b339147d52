"""What is emitted within one statement: one event, of bounded size, with the first cause and the most urgent manner."""

from __future__ import annotations

import pytest
from django.db import transaction
from structlog.testing import capture_logs

import invalidation
from invalidation.emission.emit import TARGETS_PER_EVENT, Collection, collecting, emit
from invalidation.targets.values import Manner, Targets
from tests.unit.emission.conftest import Outbox

pytestmark = pytest.mark.django_db(transaction=True)


def tag(name: str) -> Targets:
    return Targets.of(tags=[name])


def many(first: int, number: int) -> Targets:
    return Targets(frozenset(f"t:{place}" for place in range(first, first + number)))


def sizes(outbox: Outbox) -> list[int]:
    return [len(event.targets["tags"]) for event in outbox.events]


def test_alone_a_target_is_an_event_with_its_cause_and_manner(outbox: Outbox) -> None:
    emit(tag("a"), using="default", manner=Manner("bulk", "refresh"), because="it rained")
    [event] = outbox.events
    assert (event.lane, event.mode, event.reason, event.source) == ("bulk", "refresh", "it rained", "signal")
    assert event.targets == {"tags": ["a"]}


def test_without_a_manner_it_is_editorial_and_deletes(outbox: Outbox) -> None:
    emit(tag("a"), using="default")
    with collecting("default") as collected:
        collected.parts.append(tag("b"))
    assert [(event.lane, event.mode, event.reason) for event in outbox.events] == [("editorial", "delete", "")] * 2


def test_nothing_is_no_event(outbox: Outbox) -> None:
    emit(Targets(), using="default", because="nothing")
    with collecting("default"):
        pass
    assert outbox.events == []


def test_together_they_are_one_event_with_the_first_cause_and_the_most_urgent_manner(outbox: Outbox) -> None:
    with collecting("default"):
        emit(tag("a"), using="default", manner=Manner("bulk", "invalidate"))
        emit(tag("b"), using="default", manner=Manner("editorial", "refresh"), because="first")
        with collecting("default"):
            emit(tag("c"), using="default", manner=Manner("bulk", "delete"), because="second")
        assert outbox.events == []
    [event] = outbox.events
    assert event.targets == {"tags": ["a", "b", "c"]}
    assert (event.lane, event.mode, event.reason) == ("editorial", "refresh", "first")


@pytest.mark.databases
@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_each_database_is_collected_for_itself(outbox: Outbox, other_outbox: Outbox) -> None:
    with collecting("default"):
        emit(tag("a"), using="default")
        with collecting("other"):
            emit(tag("b"), using="other")
            emit(tag("c"), using="default")
        assert other_outbox.tags == {"b"}
        assert outbox.events == []
    assert outbox.tags == {"a", "c"}
    emit(tag("d"), using="default")
    assert [event.targets for event in outbox.events] == [{"tags": ["a", "c"]}, {"tags": ["d"]}]


@pytest.mark.databases
def test_what_fails_emits_nothing_and_collects_no_further(outbox: Outbox) -> None:
    def fail() -> None:
        with collecting("default"):
            emit(tag("a"), using="default")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert outbox.events == []
    emit(tag("b"), using="default")
    assert outbox.tags == {"b"}


def test_an_event_is_written_when_it_is_full_and_another_begins(outbox: Outbox) -> None:
    assert TARGETS_PER_EVENT == 5000
    with collecting("default"):
        emit(many(0, 4999), using="default", because="import")
        emit(many(0, 1), using="default")
        emit(many(0, 4998), using="default")
        assert outbox.events == []
        emit(many(4999, 1), using="default")
        assert sizes(outbox) == [5000]
        emit(many(6000, 2), using="default")
    assert sizes(outbox) == [5000, 2]
    assert [event.reason for event in outbox.events] == ["import", "import"]


def test_what_is_named_again_counts_once(outbox: Outbox) -> None:
    collection = Collection("default")
    for _ in range(3):
        collection.add(many(0, 3000), Manner())
    assert collection.size == 3000
    with transaction.atomic():
        collection.write()
    assert (collection.size, collection.parts) == (0, [])
    assert sizes(outbox) == [3000]
    assert outbox.events[0].reason == ""


def test_a_widened_block_says_in_the_log_which_tag_stood_for_how_many(outbox: Outbox) -> None:
    with capture_logs() as logs, invalidation.widen("library", reason="import"):
        emit(tag("a"), using="default")
        emit(Targets(), using="default")
        emit(tag("b"), using="default")
    [line] = [line for line in logs if line["event"].startswith("invalidation_")]
    assert line == {
        "event": "invalidation_widened", "reason": "import", "tag": "library", "suppressed": 2, "log_level": "info",
    }  # fmt: skip
    assert [event.targets for event in outbox.events] == [{"tags": ["library"]}] * 2


def test_a_suspended_block_names_no_tag(outbox: Outbox) -> None:
    with capture_logs() as logs, invalidation.suspend("import"):
        emit(tag("a"), using="default")
        with invalidation.widen("library"):
            emit(tag("b"), using="default")
    told = [(line["event"], line["reason"], line["tag"], line["suppressed"]) for line in logs]
    assert told == [("invalidation_widened", "", "", 1), ("invalidation_suspended", "import", "", 2)]
    assert outbox.events == []
