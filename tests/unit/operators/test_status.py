"""The status document and the overview tell the truth in every state."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from invalidation.models import Batch, Delivery, Event
from invalidation.rows import unfinished
from invalidation.status import documents
from tests.unit.operators.conftest import INNER_NODE, SECRET, MakeEvent

KEYS = [
    "id",
    "status",
    "source",
    "actor",
    "reason",
    "correlation_id",
    "created_at",
    "completed_at",
    "due_at",
    "mode",
    "targets",
    "batch",
    "deliveries",
    "verifications",
]
DELIVERY_KEYS = [
    "tier",
    "node",
    "pass",
    "status",
    "attempts",
    "calls",
    "removed",
    "milliseconds",
    "external_id",
    "error",
]


def test_a_pending_event_has_no_batch_and_no_deliveries(pending_event: Event) -> None:
    document = documents.document(documents.find(pending_event.uid))
    assert list(document) == KEYS
    assert (document["status"], document["batch"], document["deliveries"]) == ("pending", None, [])
    assert document["completed_at"] is None
    assert document["targets"] == {"urls": ["/blog/"]}


def test_a_done_event_shows_its_batch_and_what_each_node_did(event_with: MakeEvent) -> None:
    event = event_with("done", "done", "purged", "purged")
    document = documents.document(documents.find(str(event.uid)))
    assert document["batch"] == {
        "id": event.batch_id,
        "sequence": 1_795_290_000_000_000,
        "status": "done",
        "targets": {"tags": ["blog.post:42"]},
        "events": 1,
        "refreshed_at": None,
    }
    assert [list(delivery) for delivery in document["deliveries"]] == [DELIVERY_KEYS, DELIVERY_KEYS]
    assert document["deliveries"][1] == {
        "tier": "inner",
        "node": INNER_NODE,
        "pass": "purge",
        "status": "purged",
        "attempts": 1,
        "calls": 1,
        "removed": 3,
        "milliseconds": 2.1,
        "external_id": None,
        "error": None,
    }


def test_a_dead_letter_shows_the_providers_words(event_with: MakeEvent) -> None:
    document = documents.document(event_with("dead", "dead", "purged", "rejected"))
    assert document["status"] == "dead"
    assert [delivery["error"] for delivery in document["deliveries"]] == [None, "403 Secret required"]


def test_the_document_is_plain_json(event_with: MakeEvent) -> None:
    document = documents.document(event_with("done", "done", "purged"))
    assert json.loads(json.dumps(document)) == document


@pytest.mark.parametrize("unknown", ["00000000-0000-4000-8000-000000000000", "42", "", "x' OR 1=1"])
def test_an_unknown_id_is_refused(db: None, unknown: str) -> None:
    with pytest.raises(Event.DoesNotExist):
        documents.find(unknown)


def test_the_overview_counts_the_backlog_by_lane_and_measures_the_lag(db: None) -> None:
    old = timezone.now() - timedelta(seconds=30)
    Event.objects.create(source="code", lane="bulk", created_at=old)
    Event.objects.create(source="code", lane="editorial")
    Event.objects.create(source="code", lane="editorial", status="done", created_at=old - timedelta(days=1))
    overview = documents.overview()
    assert overview["backlog"] == {"takedown": 0, "editorial": 1, "bulk": 1}
    assert 30 <= overview["lag_seconds"] < 60


def test_the_lag_counts_work_that_is_claimed_and_stands_still(event_with: MakeEvent) -> None:
    event_with("claimed", "running", "failed")
    Batch.objects.update(recorded_at=timezone.now() - timedelta(seconds=25))
    assert 25 <= documents.overview()["lag_seconds"] < 60


def test_the_overview_of_an_idle_pipeline_has_no_lag(db: None) -> None:
    assert documents.overview()["lag_seconds"] == 0


def test_the_overview_shows_deliveries_by_tier_and_status_and_never_a_secret(event_with: MakeEvent) -> None:
    event_with("claimed", "running", "purged", "failed")
    event_with("dead", "dead", "purged", "dead", "rejected")
    overview = documents.overview()
    deliveries = {tier["tier"]: tier["deliveries"] for tier in overview["tiers"]}
    assert deliveries == {"cache": {"purged": 2}, "inner": {"failed": 1, "dead": 1}, "outer": {"rejected": 1}}
    assert (overview["running_batches"], overview["dead_letters"]) == (1, 2)
    assert SECRET not in json.dumps(overview)


def test_counts_stop_at_the_limit(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfinished, "COUNT_LIMIT", 3)
    Event.objects.bulk_create(Event(source="code") for _ in range(5))
    with CaptureQueriesContext(connection) as queries:
        assert documents.overview()["backlog"]["editorial"] == 3
    assert all("LIMIT" in query["sql"] for query in queries if "COUNT" in query["sql"])


def test_the_overview_asks_as_many_queries_for_many_rows_as_for_none(db: None) -> None:
    with CaptureQueriesContext(connection) as few:
        documents.overview()
    batch = Batch.objects.create()
    Event.objects.bulk_create(Event(source="code") for _ in range(50))
    Delivery.objects.bulk_create(Delivery(batch=batch, tier="inner", status="purged") for _ in range(50))
    with CaptureQueriesContext(connection) as many:
        documents.overview()
    assert len(few) == len(many)


def test_waiting_ends_at_once_for_a_finished_event(event_with: MakeEvent) -> None:
    event = event_with("done", "done", "purged")
    assert documents.wait(event.uid, "default", 30) == "done"


def test_waiting_gives_up_in_time_and_says_where_the_event_stands(pending_event: Event) -> None:
    assert documents.wait(pending_event.uid, "default", 0.1) == "pending"


@pytest.mark.django_db(transaction=True)
def test_waiting_sees_an_end_that_another_process_brings() -> None:
    event = Event.objects.create(source="code")

    def finish() -> None:
        Event.objects.filter(pk=event.pk).update(status="dead")
        connection.close()

    worker = threading.Timer(0.1, finish)
    worker.start()
    assert documents.wait(event.uid, "default", 10) == "dead"
    worker.join()
