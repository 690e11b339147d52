"""The facts from which a reason follows: what a node answered, and what is known besides. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.http import HttpResponse
from django.utils import timezone

from invalidation.http import cacheable
from invalidation.providers.answers.reply import Probe
from invalidation.providers.http import REASON_HEADER
from invalidation.status.why.page import Page
from invalidation.status.why.purges import History
from invalidation.targets.digits import whole_number
from invalidation.targets.values import CachePlace

#: What caches say of an answer from their store, whatever else they say.
FROM_STORE = ("HIT", "STALE", "UPDATING", "REVALIDATED")
#: Headers from which a lifetime is read.
LIFETIMES = (*cacheable.LIFETIME_HEADERS, cacheable.ACCELERATED, "Expires")


@dataclass(frozen=True, slots=True)
class Asked:
    """One node, and what it answered to one kind of visitor."""

    place: CachePlace
    variant: Mapping[str, str] = field(default_factory=dict)
    probe: Probe | None = None
    """None: it was not asked, or did not answer."""

    error: str = ""
    """Why there is no answer."""

    kept: bool | None = None
    """Did it have at once what it had just fetched? None where that was not asked."""

    left_alone: bool = False
    """Do workers leave the node alone for a while, because it failed?"""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the settings say of a node."""

    inner: frozenset[str]
    """Tiers that it fills from, directly or through others."""

    soft: bool
    """Did the last purge let the old copy be shown once more?"""

    needs_index: bool
    """Do purges by tag find its copies by the tag index alone?"""

    lease_seconds: float


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that bears upon one node's answer."""

    asked: Asked
    page: Page
    history: History
    around: Surroundings
    now: datetime = field(default_factory=timezone.now)


def is_held(probe: Probe) -> bool:
    """Does the answer come from the node's store?"""
    return any(word in probe.cache_status.upper() for word in FROM_STORE)


def lifetime_seconds(probe: Probe) -> int:
    """For which shared caches may keep it; 0 where none may."""
    return cacheable.shared_seconds(HttpResponse(headers={name: probe.headers[name] for name in _named(probe)}))


def _named(probe: Probe) -> list[str]:
    return [name for name in LIFETIMES if name in probe.headers]


def is_storable(probe: Probe) -> bool:
    """May a shared cache keep it?"""
    return lifetime_seconds(probe) > 0 and "Set-Cookie" not in probe.headers and not varies(probe)


def varies(probe: Probe) -> bool:
    """Does it vary by what no cache can know?"""
    return "*" in probe.headers.get("Vary", "")


def limit(probe: Probe) -> str:
    """What the application says of why its life is shorter than its view meant; "" for nothing that is known."""
    return probe.headers.get(REASON_HEADER, "")


def held_seconds(probe: Probe) -> int:
    """For how long caches have had it, as they say; 0 where they don't."""
    return whole_number(probe.headers.get("Age")) or 0


def rendered_at(sequence: int) -> datetime:
    """A sequence counts microseconds."""
    return datetime.fromtimestamp(sequence / 1e6, UTC)
