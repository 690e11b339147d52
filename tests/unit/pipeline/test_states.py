"""Every pair of a state and a move: what isn't in the machine writes nothing, whoever asks for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.db.models import Model
from django.utils import timezone

from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus, Event, EventStatus
from invalidation.pipeline.delivery import lease
from invalidation.pipeline.outcome import Outcome
from invalidation.rows import batches, deliveries, events
from invalidation.rows.states import BATCH, DELIVERY, EVENT, Action, BatchMove, EventMove, Machine

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

DATABASE = "default"


def pairs(machine: Machine[Any, Any], states: Any, moves: Any) -> list[Any]:
    """Each state with each move, and where that leads."""
    return [
        pytest.param(state, move, machine.moves.get((state, move), state), id=f"{state}-{move}")
        for state, move in product(states, moves)
    ]


def status(row: Model) -> str:
    row.refresh_from_db()
    return str(row.status)  # type: ignore[attr-defined]


def over(batch_status: BatchStatus) -> Batch:
    return Batch.objects.create(status=batch_status, completed_at=timezone.now())


EVENT_MOVES: dict[EventMove, Callable[[Event, Batch], object]] = {
    EventMove.CLAIM: lambda event, batch: events.claim(DATABASE, [event.pk], batch),
    EventMove.COMPLETE: lambda _, batch: events.end(DATABASE, [_as(batch, BatchStatus.DONE)]),
    EventMove.FAIL: lambda _, batch: events.end(DATABASE, [_as(batch, BatchStatus.DEAD)]),
    EventMove.BURY: lambda event, batch: events.bury(DATABASE, event.pk, batch),
    EventMove.RETURN: lambda _, batch: events.unbury(DATABASE, [batch.pk]),
    EventMove.REOPEN: lambda _, batch: events.reopen(DATABASE, [batch.pk]),
}


def _as(batch: Batch, ended: BatchStatus) -> Batch:
    batch.status = ended
    return batch


@pytest.mark.parametrize(("state", "move", "then"), pairs(EVENT, EventStatus, EventMove))
def test_an_event_goes_where_the_machine_says_or_stays(state: EventStatus, move: EventMove, then: EventStatus) -> None:
    batch = over(BatchStatus.DEAD)
    event = Event.objects.create(source="code", status=state, batch=batch)
    EVENT_MOVES[move](event, batch)
    assert status(event) == then


BATCH_MOVES: dict[BatchMove, Callable[[Batch], object]] = {
    BatchMove.COMPLETE: lambda batch: batches.end(DATABASE, batch.pk, BatchStatus.DONE, timezone.now()),
    BatchMove.FAIL: lambda batch: batches.end(DATABASE, batch.pk, BatchStatus.DEAD, timezone.now()),
    BatchMove.REOPEN: lambda batch: batches.reopen(DATABASE, [batch.pk]),
}


@pytest.mark.parametrize(("state", "move", "then"), pairs(BATCH, BatchStatus, BatchMove))
def test_a_batch_goes_where_the_machine_says_or_stays(state: BatchStatus, move: BatchMove, then: BatchStatus) -> None:
    batch = over(state)
    BATCH_MOVES[move](batch)
    assert status(batch) == then


@pytest.mark.parametrize("state", BatchStatus)
def test_a_first_pass_ends_a_batch_that_is_running_and_no_other(state: BatchStatus) -> None:
    batch = over(state)
    written = batches.conclude(DATABASE, [_as(Batch.objects.get(), BatchStatus.DONE)])
    assert (written, status(batch)) == ((True, "done") if state == BatchStatus.RUNNING else (False, str(state)))


def made(state: DeliveryStatus) -> Delivery:
    """A delivery in this state, with a lease that has run out."""
    long_ago = timezone.now() - timedelta(days=1)
    times = {"started_at": long_ago, "available_at": long_ago}
    leases = 0 if state == DeliveryStatus.PENDING else 1
    return Delivery.objects.create(batch=over(BatchStatus.RUNNING), tier="inner", status=state, leases=leases, **times)


def moved(delivery: Delivery, action: Action) -> None:
    if action is Action.LEASE:
        lease.take(DATABASE, delivery.pk)
    elif action is Action.REPLAY:
        deliveries.replay(DATABASE, [delivery.pk], actor="grace", now=timezone.now())
    else:
        deliveries.end(delivery, lease.ended(delivery, Outcome(action), milliseconds=1.0))


@pytest.mark.parametrize(("state", "action", "then"), pairs(DELIVERY, DeliveryStatus, Action))
def test_a_delivery_goes_where_the_machine_says_or_stays(
    state: DeliveryStatus, action: Action, then: DeliveryStatus
) -> None:
    delivery = made(state)
    moved(delivery, action)
    assert status(delivery) == then


@pytest.mark.parametrize("state", DeliveryStatus)
def test_a_first_pass_ends_a_delivery_that_nobody_has_taken_and_no_other(state: DeliveryStatus) -> None:
    delivery = made(state)
    copy = Delivery.objects.get()
    deliveries.tell(copy, lease.ended(copy, Outcome(Action.PROVE), milliseconds=1.0))
    written = deliveries.end_first_pass(DATABASE, [copy])
    untouched = state == DeliveryStatus.PENDING
    assert (written, status(delivery)) == ((True, "purged") if untouched else (False, str(state)))


@pytest.mark.parametrize("state", DeliveryStatus)
def test_a_delivery_that_somebody_else_has_by_now_is_ended_by_nobody(state: DeliveryStatus) -> None:
    delivery = made(state)
    mine = Delivery.objects.get()
    Delivery.objects.update(leases=7)
    assert not deliveries.end(mine, lease.ended(mine, Outcome(Action.PROVE), milliseconds=1.0))
    assert not deliveries.keep_progress(mine)
    assert status(delivery) == state


def test_each_move_leads_to_one_state_and_each_state_is_reached() -> None:
    for machine, states in ((EVENT, EventStatus), (BATCH, BatchStatus), (DELIVERY, DeliveryStatus)):
        led: dict[Any, set[Any]] = {}
        for (_, move), state in machine.moves.items():
            led.setdefault(move, set()).add(state)
        assert {move: len(to) for move, to in led.items() if len(to) > 1} == {}
        assert {*machine.born, *machine.moves.values()} == set(states)
