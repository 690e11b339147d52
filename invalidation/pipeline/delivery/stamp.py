"""Gives a batch its number and stamps what it concerns, before any copy is removed and after every purge of values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from invalidation import conf, lazy
from invalidation.freshness import sequence
from invalidation.freshness.clients import UNAVAILABLE, patient_client
from invalidation.models import Batch, Delivery
from invalidation.pipeline.planning.impact import Reach, wide_reach
from invalidation.providers.registry import provider_class
from invalidation.rows import batches, deliveries
from invalidation.targets import sites
from invalidation.targets.values import Targets

logger = lazy.Logger(__name__)


@dataclass(slots=True)
class Clock:
    """What this process had to take from its own clock, of which no Redis knows."""

    newest: int = 0


clock = Clock()


def open_batch(database: str, batch: Batch) -> None:
    """Stamp a new batch, and record where it reaches wide."""
    stamp(database, batch)
    note_reach(database, batch)


def note_reach(database: str, batch: Batch, rows: Iterable[Delivery] = ()) -> None:
    """Record where the batch reaches wide, also on `rows`, which are its deliveries in memory."""
    if not batch.widening and batch.readable and (wide := wide_reach(batch.merged)):
        _record(database, batch, wide, rows)


def stamp(database: str, batch: Batch) -> None:
    """Draw, and store the number."""
    draw(batch)
    batches.stamp(database, batch)


def draw(batch: Batch, *, remembered: int = 0) -> None:
    """From here on, what is being rendered from older data is stored by nobody.

    Again after values were purged: a page whose rendering began since the last stamp may have read an old value.
    `remembered` is the newest sequence of the database's batches: a Redis that knows of none so new has come back
    older. Without Redis the clock serves: responses rendered meanwhile have a short life, and the rebound follows.
    """
    server = patient_client()
    mark = remembered if remembered > clock.newest else 0
    try:
        batch.sequence = sequence.advance(server, _names(batch), mark=mark) if server else sequence.by_clock()
    except UNAVAILABLE as error:
        logger.warning("stamping_failed", batch=batch.pk, error=repr(error))
        batch.sequence = clock.newest = sequence.by_clock()


def _record(database: str, batch: Batch, wide: Reach, rows: Iterable[Delivery]) -> None:
    """Nobody can be asked any more; but somebody may ask later."""
    logger.warning("wide_purge", batch=batch.pk, urls=wide.urls, known=wide.known)
    tiers = conf.settings().tiers
    names = [name for name, tier in tiers.items() if provider_class(tier.provider).holds_responses]
    decisions = [f"wide: reaches {wide}"]
    deliveries.note_decisions(database, batch, names, decisions)
    for row in rows:
        if row.tier in names:  # its plan may have been made already
            row.decisions = [*decisions, *row.decisions]


def _names(batch: Batch) -> list[str]:
    """Tags and absolute URLs; a response can't ask for every prefix of its URL, so a prefix counts as everything."""
    targets = batch.readable or Targets(everything=True)  # what can't be read may mean anything
    names = [*targets.tags, *sites.expand_known(targets.urls, conf.settings().sites)]
    return [*names, sequence.EVERYTHING] if targets.everything or targets.prefixes else names
