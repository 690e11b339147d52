"""The JSON form of an answer to "why?"."""

from __future__ import annotations

import time
from typing import TypedDict

from invalidation.status.why.case import Asked
from invalidation.status.why.codes import Reason
from invalidation.status.why.purges import Concern, History


class CopyDocument(TypedDict):
    """What one node has."""

    tier: str
    node: str
    variant: str
    """What the visitor said besides, such as `Accept-Language: de`; empty for nothing."""

    status_code: int | None
    cache_status: str
    sequence: int | None
    age_seconds: float | None
    """Since it was rendered."""

    stale: bool
    code: str
    reason: str
    remedy: str
    """What to do; empty where nothing is wrong, or it passes by itself."""


class PurgeDocument(TypedDict):
    """The last purge that concerned the address."""

    event: str | None
    batch: int
    status: str
    lane: str
    mode: str
    source: str | None
    actor: str | None
    reason: str | None
    named_by: str
    """How it meant the page: by its address, a tag, a prefix, or everything."""

    purged_at: str
    sequence: int | None


class WhyDocument(TypedDict):
    """Everything about one address."""

    url: str
    tags: list[str]
    rendered_at: str | None
    """When it was rendered last, before it was asked for here; None where the tag index doesn't tell."""

    remarks: list[str]
    """What is to be known of the address itself, whichever node is asked."""

    next_change_at: str | None
    """When something that it shows changes by itself, or a purge of it is scheduled."""

    pending: str | None
    """An event that concerns it and that nobody has claimed yet."""

    last_purge: PurgeDocument | None
    copies: list[CopyDocument]


def purge_document(found: History, concern: Concern) -> PurgeDocument | None:
    """The JSON form of the last purge."""
    last, event = found.last, found.event
    if last is None:
        return None
    return {
        "event": str(event.uid) if event else None,
        "batch": last.pk,
        "status": last.status,
        "lane": last.lane,
        "mode": last.mode,
        "source": event.source if event else None,
        "actor": event.actor if event else None,
        "reason": event.reason if event else None,
        "named_by": concern.named_by(last.readable),
        "purged_at": (last.completed_at or last.created_at).isoformat(),
        "sequence": last.sequence,
    }


def copy_document(asked: Asked, reason: Reason) -> CopyDocument:
    """What a node answered, and why."""
    probe = asked.probe
    return {
        "tier": asked.place.tier,
        "node": asked.place.node,
        "variant": ", ".join(f"{name}: {value}" for name, value in asked.variant.items()),
        "status_code": probe.status_code if probe else None,
        "cache_status": probe.cache_status if probe else "",
        "sequence": probe.sequence if probe else None,
        "age_seconds": _age_seconds(probe.sequence if probe else None),
        "stale": reason.stale,
        "code": reason.code,
        "reason": reason.words,
        "remedy": reason.remedy,
    }


def _age_seconds(sequence: int | None) -> float | None:
    """Since it was rendered: a sequence counts microseconds."""
    return None if sequence is None else max(0.0, time.time() - sequence / 1e6)
