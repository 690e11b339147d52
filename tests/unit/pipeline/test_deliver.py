"""One delivery: leases, attempts, progress, jobs, deferral, and what becomes of the tiers around it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models import F
from pytest_django import Settings

from invalidation.exceptions import RejectedError, Throttled, TransientError
from invalidation.models import Batch, BatchStatus, Delivery, Event, EventStatus, Pass
from invalidation.pipeline.aftercare import rebound, replay, sweep
from invalidation.pipeline.delivery import calls, deliver, lease
from invalidation.pipeline.intake import drain
from tests.integration.freshness.conftest import let_pass
from tests.unit.pipeline.chain import APPLICATION, EDGE, LEFT, RIGHT, SITE, Chain, Queue, fails
from tests.unit.pipeline.conftest import Dirty, Purge, declared

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

DOWN = TransientError("Connection refused", reply="ECONNREFUSED")


def on(node: str, batch: Batch, delivery_pass: str = Pass.PURGE) -> Delivery:
    """The newest delivery of the batch on this node."""
    return Delivery.objects.filter(batch=batch, node=node, delivery_pass=delivery_pass).latest("id")


def an_hour_later() -> None:
    hour = timedelta(hours=1)
    Delivery.objects.update(available_at=F("available_at") - hour, started_at=F("started_at") - hour)
    Delivery.objects.update(created_at=F("created_at") - hour, attempted_at=F("attempted_at") - hour)


def sweep_later() -> None:
    an_hour_later()
    sweep.sweep("default")


def test_tiers_are_purged_from_the_inside_out_and_the_event_is_done(purge: Purge, queue: Queue) -> None:
    Chain.nodes[EDGE].copies[f"{SITE}/a/"] = 1
    batch = purge("/a/")
    assert [delivery.node for delivery in queue.run()] == [APPLICATION, LEFT, RIGHT, EDGE]
    batch.refresh_from_db()
    edge, event = on(EDGE, batch), Event.objects.get()
    assert (batch.status, event.status) == (BatchStatus.DONE, EventStatus.DONE)
    assert (edge.status, edge.calls, edge.removed, edge.attempts, edge.reply) == ("purged", 1, 1, 1, "200 Purged")
    assert edge.completed_at is not None


def test_a_page_that_changes_while_its_purge_is_in_flight_is_purged_again(
    purge: Purge, dirty: Dirty, queue: Queue
) -> None:
    purge("/a/")
    Chain.nodes[EDGE].before.append(lambda: dirty("/a/"))
    Chain.nodes[EDGE].after.append(lambda: Chain.nodes[EDGE].copies.update({f"{SITE}/a/": 1}))
    queue.run()
    assert Chain.nodes[EDGE].copies
    drain.drain()
    queue.run()
    assert not Chain.nodes[EDGE].copies
    assert set(Event.objects.values_list("status", flat=True)) == {EventStatus.DONE}


def test_a_node_that_is_down_delays_neither_its_sister_nor_the_tier_outside(purge: Purge, queue: Queue) -> None:
    Chain.nodes[LEFT].trouble = fails(DOWN)
    batch = purge("/a/")
    queue.run()
    left = on(LEFT, batch)
    assert (left.status, left.error, left.reply) == ("failed", "Connection refused", "ECONNREFUSED")
    assert left.completed_at is None
    assert [on(node, batch).status for node in (RIGHT, EDGE)] == ["purged", "purged"]


def test_a_late_success_further_in_repeats_the_tiers_outside(purge: Purge, queue: Queue) -> None:
    Chain.nodes[LEFT].trouble = fails(DOWN)
    batch = purge("/a/")
    queue.run()
    Chain.nodes[LEFT].trouble = None
    Chain.nodes[EDGE].copies[f"{SITE}/a/"] = 0  # filled from the stale left node meanwhile
    sweep_later()
    queue.run()
    assert on(EDGE, batch, Pass.REPEAT).status == "purged"
    assert not Chain.nodes[EDGE].copies
    assert Delivery.objects.filter(delivery_pass=Pass.REPEAT).count() == 1
    batch.refresh_from_db()
    assert batch.status == BatchStatus.DONE


def test_a_tier_that_still_waits_is_not_repeated(purge: Purge, queue: Queue) -> None:
    Chain.nodes[LEFT].trouble = Chain.nodes[EDGE].trouble = fails(DOWN)
    batch = purge("/a/")
    queue.run()
    Chain.nodes[LEFT].trouble = Chain.nodes[EDGE].trouble = None
    an_hour_later()
    assert deliver.deliver("default", on(LEFT, batch).pk) is not None
    assert not Delivery.objects.filter(delivery_pass=Pass.REPEAT).exists()


def test_attempts_end_as_a_dead_letter_with_the_providers_words(purge: Purge, queue: Queue, settings: Settings) -> None:
    settings.INVALIDATION = declared(MAX_ATTEMPTS=3, BREAKER_RESET_SECONDS=0)
    Chain.nodes[EDGE].trouble = fails(DOWN)
    batch = purge("/a/")
    for _ in range(3):
        queue.run()
        an_hour_later()
        sweep.sweep("default")
    edge, event = on(EDGE, batch), Event.objects.get()
    assert (edge.status, edge.attempts, edge.error) == ("dead", 3, "Connection refused")
    assert (event.status, event.batch.status if event.batch else "") == (EventStatus.DEAD, BatchStatus.DEAD)


def test_a_refusal_is_a_dead_letter_at_once(purge: Purge, queue: Queue) -> None:
    Chain.nodes[EDGE].trouble = fails(RejectedError("403 forbidden"))
    batch = purge("/a/")
    queue.run()
    assert (on(EDGE, batch).status, on(EDGE, batch).attempts) == ("rejected", 1)
    assert on(EDGE, batch).completed_at is not None


def test_a_defect_in_a_provider_is_an_attempt_like_any_other(purge: Purge, queue: Queue) -> None:
    Chain.nodes[EDGE].trouble = fails(ZeroDivisionError())
    batch = purge("/a/")
    queue.run()
    assert on(EDGE, batch).status == "failed"
    assert "ZeroDivisionError" in on(EDGE, batch).error


def test_an_asked_pause_waits_in_the_database_and_consumes_no_attempt(purge: Purge, queue: Queue) -> None:
    Chain.nodes[EDGE].trouble = fails(Throttled("429", retry_after_seconds=3000))
    batch = purge("/a/")
    queue.run()
    edge = on(EDGE, batch)
    assert (edge.status, edge.attempts) == ("deferred", 0)
    assert queue.waits[-1] == 3000
    assert deliver.deliver("default", edge.pk) is None
    an_hour_later()
    Chain.nodes[EDGE].trouble = None
    assert deliver.deliver("default", edge.pk) is not None
    assert on(EDGE, batch).status == "purged"


def test_what_is_put_off_for_too_long_is_given_up(purge: Purge, queue: Queue, settings: Settings) -> None:
    settings.INVALIDATION = declared(GIVE_UP_SECONDS=1800)
    Chain.nodes[EDGE].trouble = fails(Throttled("429", retry_after_seconds=100))
    batch = purge("/a/")
    queue.run()
    an_hour_later()
    deliver.deliver("default", on(EDGE, batch).pk)
    assert (on(EDGE, batch).status, on(EDGE, batch).error) == ("dead", "429 Put off for too long; given up.")


def test_a_duplicate_message_does_nothing(purge: Purge, queue: Queue) -> None:
    purge("/a/")
    queue.deliveries *= 3
    assert len(queue.run()) == 4
    assert [len(node.calls) for node in Chain.nodes.values()] == [1, 1, 1, 1]


def test_a_message_about_a_delivery_that_is_not_due_final_or_not_there_purges_nothing(
    purge: Purge, queue: Queue
) -> None:
    Chain.nodes[LEFT].trouble = fails(DOWN)
    batch = purge("/a/")
    queue.run()
    not_due, final = on(LEFT, batch), on(EDGE, batch)
    assert (not_due.status, final.status) == ("failed", "purged")
    calls = [len(node.calls) for node in Chain.nodes.values()]
    for key in (not_due.pk, final.pk, final.pk + 1_000_000):
        assert deliver.deliver("default", key) is None
    assert [len(node.calls) for node in Chain.nodes.values()] == calls


def test_a_delivery_that_a_message_names_before_its_turn_is_made_again_when_it_has_come(
    purge: Purge, queue: Queue, settings: Settings
) -> None:
    settings.INVALIDATION = declared(TRANSFER_SECONDS=0.05)
    assert deliver.deliver("default", on(EDGE, purge("/a/")).pk) is not None
    Chain.nodes[EDGE].copies[f"{SITE}/a/"] = 1  # from an inner one that is still to be purged
    queue.run()
    assert Chain.nodes[EDGE].copies == {}
    assert Event.objects.get().status == EventStatus.DONE


def test_a_vendor_whose_calls_count_and_who_was_asked_before_its_turn_is_asked_again_by_the_rebound(
    purge: Purge, queue: Queue, settings: Settings
) -> None:
    vendor = {"PROVIDER": "tests.unit.pipeline.chain.Vendor", "FILLS_FROM": ["inner"], "NODES": [EDGE]}
    tiers = {**declared()["TIERS"], "edge": vendor}
    settings.INVALIDATION = declared(TIERS=tiers, TRANSFER_SECONDS=0.05, LONGEST_RENDER_SECONDS=10)
    edge = on(EDGE, purge("/a/"))
    deliver.deliver("default", edge.pk)
    Chain.nodes[EDGE].copies[f"{SITE}/a/"] = 1
    Chain.jobs["job-1"] = True
    queue.run()
    an_hour_later()
    deliver.deliver("default", edge.pk)
    let_pass(timedelta(minutes=1))
    rebound.rebound("default")
    queue.run()
    assert Chain.nodes[EDGE].copies == {}


def test_a_running_delivery_is_taken_over_only_after_its_lease(purge: Purge) -> None:
    delivery = on(APPLICATION, purge("/a/"))
    assert lease.take("default", delivery.pk) is not None
    assert lease.take("default", delivery.pk) is None
    an_hour_later()
    assert lease.take("default", delivery.pk) is not None


def test_a_worker_whose_lease_was_taken_over_settles_nothing(purge: Purge) -> None:
    delivery = on(APPLICATION, batch := purge("/a/"))
    slow = lease.take("default", delivery.pk)
    an_hour_later()
    assert deliver.deliver("default", delivery.pk) is not None
    assert slow is not None
    assert not lease.settle(slow.delivery, deliver.attempt(slow), milliseconds=1)
    with pytest.raises(lease.LeaseLost):
        lease.keep_progress(slow.delivery)
    assert (on(APPLICATION, batch).status, on(APPLICATION, batch).leases) == ("purged", 2)


def test_a_delivery_that_kills_every_worker_ends_dead_and_says_so(purge: Purge, settings: Settings) -> None:
    settings.INVALIDATION = declared(MAX_ATTEMPTS=3)
    delivery = on(APPLICATION, batch := purge("/a/"))
    for _ in range(3):
        assert lease.take("default", delivery.pk) is not None
        an_hour_later()
    assert deliver.deliver("default", delivery.pk) is not None
    assert on(APPLICATION, batch).status == "dead"
    assert "worker died" in on(APPLICATION, batch).error
    assert not Chain.nodes[APPLICATION].calls


def test_a_later_attempt_goes_on_where_the_first_stopped(purge: Purge, queue: Queue) -> None:
    urls = [f"/{number}/" for number in range(6)]
    batch = purge(*urls)
    Chain.nodes[EDGE].after.append(lambda: setattr(Chain.nodes[EDGE], "trouble", fails(DOWN)))
    queue.run()
    assert (on(EDGE, batch).status, on(EDGE, batch).calls, len(on(EDGE, batch).steps or [])) == ("failed", 1, 2)
    Chain.nodes[EDGE].trouble = None
    sweep_later()
    queue.run()
    called = [verb for verb, _ in Chain.nodes[EDGE].calls]
    assert (on(EDGE, batch).status, on(EDGE, batch).calls, len(called)) == ("purged", 3, 4)


def test_a_long_plan_gives_its_worker_back_and_goes_on(
    purge: Purge, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "TURN_SECONDS", 0)
    monkeypatch.setattr(calls, "PROGRESS_SECONDS", 0)
    batch = purge(*[f"/{number}/" for number in range(6)])
    queue.run()
    edge = on(EDGE, batch)
    assert (edge.status, edge.calls, edge.leases, edge.attempts) == ("purged", 3, 3, 1)


def test_a_killed_worker_has_stored_its_progress(purge: Purge, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "PROGRESS_SECONDS", 0)
    batch = purge(*[f"/{number}/" for number in range(6)])
    killer = fails(KeyboardInterrupt())
    Chain.nodes[EDGE].after.append(lambda: Chain.nodes[EDGE].before.append(killer))
    with pytest.raises(KeyboardInterrupt):
        queue.run()
    edge = on(EDGE, batch)
    assert (edge.status, edge.calls, len(edge.steps or [])) == ("running", 1, 2)


def test_a_database_that_fails_leaves_the_row_to_the_sweep(purge: Purge, queue: Queue) -> None:
    batch = purge("/a/")
    Chain.nodes[APPLICATION].before.append(fails(OperationalError("server closed the connection")))
    with pytest.raises(OperationalError):
        queue.run()
    assert on(APPLICATION, batch).status == "running"
    an_hour_later()
    assert sweep.sweep("default")["deliveries"] == 1
    queue.run()
    assert Event.objects.get().status == EventStatus.DONE


def test_accepted_jobs_are_followed_one_after_the_other_to_their_ends(
    purge: Purge, queue: Queue, settings: Settings
) -> None:
    chain = declared(MAX_ATTEMPTS=2)
    chain["TIERS"]["edge"]["PROVIDER"] = "tests.unit.pipeline.chain.Vendor"
    settings.INVALIDATION = chain
    batch = purge("/a/", "/b/", "/c/")
    queue.run()
    edge = on(EDGE, batch)
    assert (edge.status, edge.external_id, edge.calls, queue.waits[-1]) == ("accepted", "job-1", 1, 7.0)
    for _ in range(4):
        an_hour_later()
        deliver.deliver("default", edge.pk)
    assert (on(EDGE, batch).status, on(EDGE, batch).attempts) == ("accepted", 1)
    Chain.jobs["job-1"] = True
    an_hour_later()
    deliver.deliver("default", edge.pk)
    assert (on(EDGE, batch).external_id, on(EDGE, batch).calls) == ("job-2", 2)
    Chain.jobs["job-2"] = True
    an_hour_later()
    deliver.deliver("default", edge.pk)
    assert (on(EDGE, batch).status, on(EDGE, batch).external_id) == ("purged", "job-2")


def test_where_jobs_may_run_at_once_none_waits_for_another(purge: Purge, queue: Queue, settings: Settings) -> None:
    chain = declared()
    chain["TIERS"]["edge"]["PROVIDER"] = "tests.unit.pipeline.chain.BusyVendor"
    settings.INVALIDATION = chain
    batch = purge(*[f"/{number}/" for number in range(6)])
    queue.run()
    assert (on(EDGE, batch).status, on(EDGE, batch).calls, len(Chain.jobs)) == ("accepted", 3, 3)
    for ended, left in (("job-2", 3), ("job-1", 1)):  # they are asked for in order
        Chain.jobs[ended] = True
        an_hour_later()
        deliver.deliver("default", on(EDGE, batch).pk)
        assert (on(EDGE, batch).status, len(on(EDGE, batch).steps or [])) == ("accepted", left)
    Chain.jobs["job-3"] = True
    an_hour_later()
    deliver.deliver("default", on(EDGE, batch).pk)
    assert (on(EDGE, batch).status, on(EDGE, batch).calls) == ("purged", 3)


def test_a_replay_is_audited_and_repeats_the_tiers_outside(purge: Purge, queue: Queue) -> None:
    Chain.nodes[LEFT].trouble = fails(RejectedError("403"))
    batch = purge("/a/")
    queue.run()
    Chain.nodes[LEFT].trouble = None
    assert replay.replay_all("default", actor="ada", tier="edge") == 0
    assert replay.replay_all("default", actor="ada", tier="inner") == 1
    left = on(LEFT, batch)
    assert (left.status, left.replayed_by, left.replayed_at is None) == ("pending", "ada", False)
    assert Event.objects.get().status == EventStatus.CLAIMED
    sweep_later()
    queue.run()
    assert on(EDGE, batch, Pass.REPEAT).status == "purged"
    assert Event.objects.get().status == EventStatus.DONE
