"""What happened to one event, moment by moment: its merging, every attempt at every node, replays, proofs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from invalidation.models import Attempt, Batch, BatchStatus, Delivery, DeliveryStatus, Event, Pass, Verification
from invalidation.rows.states import DEAD_LETTERS, FINAL
from invalidation.status.words import diagnose, place

#: Moments that a page shows; those in the middle of a longer story are left out.
MOST = 300
#: What an attempt's end is called before its reason.
ENDS = {
    DeliveryStatus.FAILED: "failed",
    DeliveryStatus.DEFERRED: "put off",
    DeliveryStatus.DEAD: "given up",
    DeliveryStatus.REJECTED: "refused for good",
    DeliveryStatus.ACCEPTED: "taken as a job",
    DeliveryStatus.RUNNING: "under way",
}
PASSES = {Pass.PURGE: "", Pass.REPEAT: "second purge: ", Pass.REBOUND: "rebound: "}


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened."""

    at: datetime
    words: str
    mood: str = ""
    """`well`, `bad`, `warn`, or "" for what is neither."""

    where: str = ""
    milliseconds: float | None = None
    error: str = ""
    """In the provider's words."""


class Story(NamedTuple):
    """Everything that is stored of one event."""

    event: Event
    merged: Sequence[Event]
    """Others of its batch."""

    deliveries: Sequence[Delivery]
    attempts: Sequence[Attempt]
    verifications: Sequence[Verification]


def timeline(story: Story) -> list[Moment]:
    """In the order of time; what came of deliveries that succeeded at the first go is read off their own rows."""
    moments = sorted(_moments(story), key=lambda moment: moment.at)
    return moments if len(moments) <= MOST else [*moments[: MOST // 2], *moments[-MOST // 2 :]]


def _moments(story: Story) -> Iterator[Moment]:
    event, batch = story.event, story.event.batch
    yield Moment(event.created_at, f"recorded: {event.source}{f', {event.actor}' if event.actor else ''}")
    if batch and event.claimed_at:
        yield Moment(event.claimed_at, _claimed(batch))
    told = {attempt.delivery_id for attempt in story.attempts}
    succeeded = {attempt.delivery_id for attempt in story.attempts if attempt.status == DeliveryStatus.PURGED}
    by_key = {row.pk: row for row in story.deliveries}
    yield from (_attempted(attempt, by_key[attempt.delivery_id]) for attempt in story.attempts)
    for row in story.deliveries:
        untold = row.pk not in (succeeded if row.status == DeliveryStatus.PURGED else told)
        if row.completed_at and row.status in FINAL and untold:
            yield _ended(row, row.completed_at)
    if batch:
        yield from _of_batch(batch)
    yield from map(_verified, story.verifications)


def _claimed(batch: Batch) -> str:
    others = batch.event_count - 1
    if others <= 0:
        return f"claimed alone, as batch {batch.pk}"
    return f"merged with {others} other event{'s' * (others != 1)} into batch {batch.pk}"


def _attempted(attempt: Attempt, row: Delivery) -> Moment:
    where = place(row.tier, row.node)
    if attempt.actor:
        return Moment(attempt.ended_at, f"replayed by {attempt.actor}", where=where)
    words = end_in_words(row, attempt.status, attempt.error) + (f", {attempt.times} times" if attempt.times > 1 else "")
    return Moment(attempt.ended_at, words, _mood(attempt.status), where, attempt.milliseconds, attempt.error)


def _ended(row: Delivery, at: datetime) -> Moment:
    words = end_in_words(row, row.status, row.error)
    return Moment(at, words, _mood(row.status), place(row.tier, row.node), row.milliseconds, row.error)


def end_in_words(row: Delivery, status: str, error: str) -> str:
    """`failed: refused the connection`, `purged: removed 3 copies`."""
    name = PASSES.get(Pass(row.delivery_pass), "")
    if status == DeliveryStatus.PURGED:
        return f"{name}purged{_removed(row.removed)}"
    end = ENDS.get(DeliveryStatus(status), status)
    return f"{name}{end}: {diagnose(error).words}" if error else f"{name}{end}"


def _removed(removed: int | None) -> str:
    """What the cache said of it; one that doesn't count has confirmed it all the same."""
    if removed is None:
        return ", confirmed"
    if removed == 0:
        return ": there was no copy"
    return f": removed {removed:,} cop{'ies' if removed != 1 else 'y'}"


def _mood(status: str) -> str:
    if status == DeliveryStatus.PURGED:
        return "well"
    return "bad" if status in DEAD_LETTERS else "warn"


def _of_batch(batch: Batch) -> Iterator[Moment]:
    if batch.completed_at:
        well = batch.status == BatchStatus.DONE
        words = "every tier has confirmed it" if well else "ended with a dead letter"
        yield Moment(batch.completed_at, words, "well" if well else "bad")
    if batch.rebounded_at and batch.rebound is None:
        yield Moment(batch.rebounded_at, "no rebound needed: a later batch had purged the same")


def _verified(row: Verification) -> Moment:
    where = place(row.tier, row.node)
    if row.error:
        return Moment(row.checked_at, f"could not be asked for {row.url}", "warn", where, error=row.error)
    if row.stale:
        return Moment(row.checked_at, f"stale: {row.url} was older than the purge", "bad", where)
    verdict = "keeps no copy of" if row.sequence is None else "fresh:"
    return Moment(row.checked_at, f"{verdict} {row.url} ({_answer(row)})", "well", where)


def _answer(row: Verification) -> str:
    return f"{row.status_code or 'no answer'} {row.cache_status}".strip()


def still_open(rows: Iterable[Delivery]) -> list[Delivery]:
    """What something is still to come of."""
    return [row for row in rows if row.status not in FINAL]
