"""When the rebound of a batch is due: counted from the end of its purge, for until then old copies may be taken up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from invalidation import conf
from invalidation.conf import graph
from invalidation.models import Delivery
from invalidation.rows import batches

#: A batch that isn't over after so many delays, because of one slow node, is rebounded where it is over.
PATIENCE = 2


def delay(tiers: Iterable[str]) -> timedelta:
    """From the end of a purge of these tiers to its rebound; zero for none."""
    return timedelta(seconds=conf.settings().rebound_delay_seconds(tiers))


def of_running(created_at: datetime, tiers: Iterable[str]) -> datetime | None:
    """When a batch is rebounded that is still running by then; None for never."""
    wanted = delay(tiers)
    return created_at + PATIENCE * wanted if wanted else None


def of_settled(completed_at: datetime, tiers: Iterable[str]) -> dict[str, Any]:
    """The columns in which a batch that has just ended stores when its rebound is due."""
    wanted = delay(tiers)
    return {"rebound_at": completed_at + wanted, "rebounded_at": None} if wanted else {}


def again(delivery: Delivery) -> None:
    """One more, where a node has ended so late that the batch's rebound has passed it by."""
    outer = graph.outer(conf.settings().tiers, delivery.tier)
    database, wanted = delivery._state.db or "default", delay([delivery.tier, *outer])
    if wanted:
        batches.schedule_again(database, delivery.batch_id, timezone.now() + PATIENCE * wanted)
