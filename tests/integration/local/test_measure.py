"""The demo's figures: what they count from, and what is no figure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from deploy.local import measure
from deploy.local.story import Step
from deploy.local.tiers import HttpTier
from invalidation.models import Batch, Delivery, Event

CHANGED_AT = datetime(2026, 1, 1, tzinfo=UTC)
STEP = Step("edit", lambda: None, ())
EDGE = HttpTier("cloudflare", "http://127.0.0.1:9", "CF-Cache-Status", "http://127.0.0.1:9", ())


def after(milliseconds: float) -> datetime:
    return CHANGED_AT + timedelta(milliseconds=milliseconds)


@pytest.fixture
def recorded(db: None) -> list[Event]:
    """One change with two events, and a purge that verification has recorded since."""
    batch = Batch.objects.create(status="done")
    Delivery.objects.create(batch=batch, tier="cloudflare", status="purged", completed_at=after(80))
    for source, milliseconds in (("signal", 0), ("signal", 40), ("verify", 500)):
        Event.objects.create(source=source, created_at=after(milliseconds), status="done", batch=batch)
    return measure._done(0)


def test_times_count_from_the_first_event_of_the_change_itself(recorded: list[Event]) -> None:
    row = measure._row(STEP, EDGE, after(120), recorded)
    assert (row.purged_milliseconds, row.fresh_milliseconds) == (80, 120)


def test_a_tier_that_was_new_before_the_purge_gets_no_figure(recorded: list[Event]) -> None:
    assert measure._row(STEP, EDGE, after(-300), recorded).fresh_milliseconds is None
