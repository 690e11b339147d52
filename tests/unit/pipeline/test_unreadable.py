"""Rows that another program wrote, and nobody can read: they end alone, and everything around them is done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import JSONField, Value
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

import invalidation
from invalidation.contrib.celery.summary import summary
from invalidation.exceptions import InvalidTarget
from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus, Event, EventStatus
from invalidation.pipeline.aftercare import rebound, replay, sweep, verify
from invalidation.pipeline.intake import drain
from invalidation.status import documents
from invalidation.targets.values import CacheKey
from tests.integration.freshness.conftest import let_pass
from tests.unit.pipeline.chain import EDGE, Chain, Queue
from tests.unit.pipeline.conftest import Dirty
from tests.unit.pipeline.test_deliver import on, sweep_later

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

TIERS = ("application", "inner", "edge")
UNREADABLE: list[Any] = [
    {"tags": ["Hello World"]},
    {"tags": [42, "a"]},
    {"tags": "abc"},
    {"tags": {"a": 1}},
    {"urls": ["http://["]},
    {"urls": ["http://℀/"]},
    {"urls": [["/a/"]]},
    {"keys": [{"key": "a", "version": None}, "a"]},
    {"keys": [{"key": "a", "version": "x"}]},
    {"keys": [{"name": "a"}]},
    {"keys": [7]},
    {"nope": []},
    [],
    "text",
    None,
    17,
]


def poison(targets: Any) -> Event:
    """A row as a trigger, a person or another version may have written it."""
    return Event.objects.create(source="trigger", targets=json(targets))


def json(document: Any) -> Any:
    """`null` is a document too."""
    return Value(None, JSONField()) if document is None else document


@pytest.mark.parametrize("targets", UNREADABLE, ids=repr)
@pytest.mark.parametrize("carried", [(), TIERS], ids=["by message", "carried"])
def test_an_event_that_cannot_be_read_ends_alone_as_a_dead_letter(
    dirty: Dirty, queue: Queue, targets: Any, carried: tuple[str, ...]
) -> None:
    before, bad, after = dirty("/a/"), poison(targets), dirty("/b/")
    drain.drain(inline_tiers=carried)
    queue.run()
    for event in (before, bad, after):
        event.refresh_from_db()
    assert [before.status, bad.status, after.status] == [EventStatus.DONE, EventStatus.DEAD, EventStatus.DONE]
    assert before.batch == after.batch
    letter = Delivery.objects.get(status=DeliveryStatus.REJECTED)
    assert letter.batch == bad.batch
    assert letter.error.startswith("The event can't be read: ")
    assert documents.document(bad)["deliveries"][0]["error"] == letter.error


def test_the_dead_letter_says_what_could_not_be_read(queue: Queue) -> None:
    poison({"tags": ["Hello World"]})
    drain.drain()
    assert Delivery.objects.get().error.startswith("The event can't be read: 'Hello World' is not a tag; ")


def test_nothing_but_unreadable_events_is_no_end_of_the_drain(dirty: Dirty, queue: Queue) -> None:
    for targets in UNREADABLE:
        poison(targets)
    assert drain.drain().events == 0
    assert set(Event.objects.values_list("status", flat=True)) == {EventStatus.DEAD}


def test_a_replay_reads_the_event_again(queue: Queue, db: None) -> None:
    event = poison({"tags": "abc"})
    drain.drain()
    assert replay.replay_all("default", actor="ada") == 1
    drain.drain()
    event.refresh_from_db()
    assert event.status == EventStatus.DEAD
    Event.objects.update(targets={"tags": ["abc"]})
    assert replay.replay_all("default", actor="ada") == 1
    drain.drain(inline_tiers=TIERS)
    event.refresh_from_db()
    assert event.status == EventStatus.DONE
    assert Batch.objects.count() == 1


def test_an_event_of_an_unknown_lane_is_worked_off_like_an_editors(dirty: Dirty, queue: Queue) -> None:
    dirty("/a/")
    Event.objects.update(lane="weird")
    drain.drain(inline_tiers=TIERS)
    assert (Event.objects.get().status, Batch.objects.get().lane) == (EventStatus.DONE, "editorial")


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(st.characters(codec="ascii"), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
).filter(lambda found: "\x00" not in repr(found) and "\\x00" not in repr(found))
kinds = st.sampled_from(["tags", "urls", "prefixes", "keys", "everything", "verb", "items", "job"])
made_up = anything | st.dictionaries(kinds, anything, max_size=3)
steps = made_up | st.lists(st.dictionaries(kinds, anything | st.just("purge_urls"), max_size=3), max_size=2)
PROFILE = profile(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@PROFILE
@given(
    wrong=st.fixed_dictionaries({"event": made_up, "batch": made_up, "steps": steps, "decisions": made_up}),
    carried=st.sampled_from([(), TIERS]),
)
def test_whatever_stands_in_a_row_the_good_events_around_it_are_done(
    dirty: Dirty, queue: Queue, wrong: dict[str, Any], carried: tuple[str, ...]
) -> None:
    for model in (Event, Batch):
        model.objects.all().delete()
    for tree in Chain.nodes.values():
        tree.calls.clear()
    good = [dirty("/a/")]
    poison(wrong["event"])
    bad = Batch.objects.create(targets=json(wrong["batch"]), event_count=1)
    stored = {"steps": json(wrong["steps"]), "decisions": json(wrong["decisions"])}
    Delivery.objects.create(batch=bad, tier="edge", node=EDGE, **stored)
    good.append(dirty("/b/"))
    drain.drain(inline_tiers=carried)
    queue.run()
    sweep_later()
    queue.run()
    for one in good:
        one.refresh_from_db()
        assert one.status == EventStatus.DONE
    assert Delivery.objects.get(batch=bad).status in (DeliveryStatus.PURGED, DeliveryStatus.REJECTED)
    let_pass(timedelta(hours=1))
    rebound.rebound("default", inline_tiers=carried)
    queue.run()
    verify.verify("default")
    assert not Batch.objects.filter(status=BatchStatus.RUNNING).exists()


@pytest.mark.parametrize("verb", ["__class__", [], {}, None, 7], ids=repr)
def test_stored_calls_that_are_none_end_their_delivery_and_a_replay_plans_anew(
    dirty: Dirty, queue: Queue, verb: Any
) -> None:
    dirty("/a/")
    batch = Batch.objects.get(pk=drain.drain().batches[0])
    Delivery.objects.filter(node=EDGE).update(steps=[{"verb": verb, "items": []}])
    queue.run()
    assert on(EDGE, batch).status == DeliveryStatus.REJECTED
    assert "can't be read" in on(EDGE, batch).error
    replay.replay_all("default", actor="ada")
    sweep.sweep("default")
    sweep_later()
    queue.run()
    assert on(EDGE, batch).status == DeliveryStatus.PURGED


def test_a_batch_that_cannot_be_read_is_announced_all_the_same() -> None:
    assert summary(Batch(targets=[]).readable) == "unreadable"


@pytest.mark.parametrize(
    "targets",
    [
        {"tags": [42, "a"]},
        {"tags": "abc"},
        {"tags": {"a": 1}},
        {"urls": ["/\ud800"]},
        {"urls": [None]},
        {"urls": ["http://℀/"]},
        {"prefixes": [7]},
        {"keys": ["\ud800"]},
        {"keys": [{"key": "a", "version": "x"}]},
        {"keys": [7]},
        {"tags": 5},
    ],
    ids=repr,
)
def test_what_nobody_could_read_is_refused_where_it_is_written(targets: dict[str, Any]) -> None:
    with pytest.raises(InvalidTarget):
        invalidation.invalidate(**targets)
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "values", [{"version": None}, {"version": "x"}, {"version": True}, {"alias": 3}, {"pattern": 1}]
)
def test_a_cache_key_has_values_of_the_declared_types(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidTarget):
        CacheKey("a", **values)
