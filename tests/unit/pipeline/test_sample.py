"""A minute is counted once, when it is over, from the rows; nobody counts while a batch runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from invalidation.models import Batch, Delivery, Event, Sample, Verification
from invalidation.pipeline import prune, sample

MINUTE_AT = datetime(2026, 11, 29, 18, 3, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_four_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: MINUTE_AT + timedelta(seconds=62))


def purged(seconds_into: float, took_seconds: float = 0.1, **values: Any) -> Delivery:
    """A delivery of a batch claimed so late in the minute."""
    at = MINUTE_AT + timedelta(seconds=seconds_into)
    batch = Batch.objects.create(created_at=at, recorded_at=at, status="done")
    told = {
        "status": "purged",
        "completed_at": at + timedelta(seconds=took_seconds),
        "tier": "edge",
        "node": "http://e",
    }
    return Delivery.objects.create(batch=batch, **told | values)


@pytest.mark.django_db
def test_the_minute_that_is_over_is_counted_once() -> None:
    for seconds in (-1, 0, 59.9, 60):
        Event.objects.create(source="code", created_at=MINUTE_AT + timedelta(seconds=seconds), status="done")
    for took_seconds in (0.1, 0.2, 0.3):
        purged(5, took_seconds)
    purged(-5, 9.0)
    batch = purged(6, status="dead", completed_at=None).batch
    Verification.objects.create(batch=batch, tier="edge", url="/", stale=True, checked_at=MINUTE_AT)
    assert sample("default")
    assert not sample("default")
    [stored] = Sample.objects.all()
    assert (stored.minute_at, stored.events, stored.purges, stored.stale) == (MINUTE_AT, 2, 3, 1)
    assert stored.dead_letters == 1
    assert stored.p50_seconds == pytest.approx(0.2)
    assert stored.p95_seconds == pytest.approx(0.29)


@pytest.mark.django_db
def test_work_that_is_not_finished_shows_by_its_age() -> None:
    Batch.objects.create(recorded_at=MINUTE_AT)
    Event.objects.create(source="code", created_at=MINUTE_AT + timedelta(seconds=60))
    sample("default")
    stored = Sample.objects.get()
    assert (stored.oldest_seconds, stored.backlog, stored.p50_seconds) == (62, 1, None)


@pytest.mark.django_db
def test_the_last_success_of_a_node_goes_from_sample_to_sample() -> None:
    earlier = (MINUTE_AT - timedelta(hours=1)).isoformat()
    known = {"edge http://e": earlier, "edge http://gone": earlier}
    Sample.objects.create(minute_at=MINUTE_AT - timedelta(minutes=9), succeeded=known)
    row = purged(1)
    sample("default")
    told = Sample.objects.latest("minute_at").succeeded
    assert row.completed_at
    assert told == {"edge http://e": row.completed_at.isoformat(), "edge http://gone": earlier}


@pytest.mark.django_db
def test_of_two_workers_that_count_at_once_one_is_heard() -> None:
    Sample.objects.create(minute_at=MINUTE_AT - timedelta(minutes=1))
    assert sample("default")
    Sample.objects.filter(minute_at__lt=MINUTE_AT).delete()
    assert Sample.objects.count() == 1


@pytest.mark.django_db
def test_samples_are_kept_for_two_days() -> None:
    for hours in (47, 49):
        Sample.objects.create(minute_at=timezone.now() - timedelta(hours=hours))
    prune()
    assert Sample.objects.count() == 1
