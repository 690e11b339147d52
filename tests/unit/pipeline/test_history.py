"""What failed before it went well is kept; what went well at the first go costs no row."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from invalidation.exceptions import RejectedError, TransientError
from invalidation.models import Attempt, Delivery
from invalidation.pipeline import replay
from invalidation.pipeline.delivery import deliver
from invalidation.pipeline.intake.drain import drain
from invalidation.rows import attempts, deliveries
from tests.unit.pipeline.chain import EDGE, Chain, Queue, fails
from tests.unit.pipeline.conftest import Dirty, Purge

DOWN = TransientError("http://edge can't be reached: Connection refused")
TIERS = ("application", "inner", "edge")


def again(edge: Delivery) -> Delivery:
    """Its next attempt."""
    Delivery.objects.filter(pk=edge.pk).update(available_at=timezone.now())
    assert deliver.deliver("default", edge.pk)
    edge.refresh_from_db()
    return edge


def told(edge: Delivery) -> list[tuple[str, int, str]]:
    """Its history: status, times, actor."""
    return list(attempts.of("default", edge).values_list("status", "times", "actor"))


@pytest.mark.databases
@pytest.mark.django_db
def test_success_at_the_first_go_has_no_history(purge: Purge, queue: Queue) -> None:
    purge()
    queue.run()
    assert set(Delivery.objects.values_list("status", flat=True)) == {"purged"}
    assert not Attempt.objects.exists()


@pytest.mark.databases
@pytest.mark.django_db
def test_attempts_that_end_alike_share_a_row_and_success_after_them_has_its_own(purge: Purge, queue: Queue) -> None:
    Chain.nodes[EDGE].trouble = fails(DOWN)
    purge()
    queue.run()
    edge = Delivery.objects.get(node=EDGE)
    again(again(edge))
    Chain.nodes[EDGE].trouble = fails(TransientError("http://edge failed with status 503."))
    again(edge)
    Chain.nodes[EDGE].trouble = None
    again(edge)
    assert told(edge) == [("failed", 3, ""), ("failed", 1, ""), ("purged", 1, "")]
    first = Attempt.objects.order_by("id")[0]
    assert "refused" in first.error
    assert first.started_at
    assert first.started_at < first.ended_at


@pytest.mark.databases
@pytest.mark.django_db
def test_a_failure_of_the_first_pass_is_kept_too(dirty: Dirty, queue: Queue) -> None:
    Chain.nodes[EDGE].trouble = fails(DOWN)
    dirty()
    drain("default", inline_tiers=TIERS)
    edge = Delivery.objects.get(node=EDGE)
    assert told(edge) == [("failed", 1, "")]


@pytest.mark.databases
@pytest.mark.django_db
def test_a_replay_overwrites_nothing_of_what_had_happened(purge: Purge, queue: Queue) -> None:
    Chain.nodes[EDGE].trouble = fails(RejectedError("http://edge refused with status 400."))
    purge()
    queue.run()
    edge = Delivery.objects.get(node=EDGE)
    Chain.nodes[EDGE].trouble = None
    assert replay(deliveries.on("default").filter(pk=edge.pk), actor="ada") == 1
    assert again(edge).status == "purged"
    assert told(edge) == [("rejected", 1, ""), ("pending", 1, "ada"), ("purged", 1, "")]


@pytest.mark.django_db
def test_a_dead_letter_of_before_there_was_a_history_gets_one_when_it_is_replayed(purge: Purge, queue: Queue) -> None:
    Chain.nodes[EDGE].trouble = fails(RejectedError("refused"))
    purge()
    queue.run()
    Attempt.objects.all().delete()
    edge = Delivery.objects.get(node=EDGE)
    replay(deliveries.on("default").filter(pk=edge.pk), actor="")
    assert told(edge) == [("rejected", 1, ""), ("pending", 1, "nobody named")]
    assert Attempt.objects.order_by("id")[0].ended_at == edge.completed_at


@pytest.mark.django_db
def test_the_history_of_one_delivery_is_bounded(purge: Purge, queue: Queue) -> None:
    purge()
    edge = Delivery.objects.filter(tier="edge").get()
    for number in range(attempts.MOST + 5):
        edge.status, edge.error, edge.leases = "failed", f"error {number}", number + 1
        attempts.note("default", edge, timezone.now() + timedelta(seconds=number))
    assert attempts.of("default", edge).count() == attempts.MOST
    newest = attempts.of("default", edge).last()
    assert newest
    assert newest.error == f"error {attempts.MOST + 4}"
