"""Celery tasks: each a name that explains itself in Flower, and one call into the app."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NoReturn

import celery
from celery.exceptions import Retry

from invalidation import context, doctor, pipeline
from invalidation.contrib.celery.consuming import inline
from invalidation.contrib.celery.consuming.arguments import guarded
from invalidation.contrib.celery.consuming.slots import slots
from invalidation.contrib.celery.quiet import Quiet
from invalidation.contrib.celery.setup import TASK_OPTIONS
from invalidation.contrib.celery.summary import AttemptFailed, shown, summary
from invalidation.emission import instants
from invalidation.models import Delivery
from invalidation.signals import deliveries_ready, tell
from invalidation.targets.values import CachePlace

shared_task = partial(celery.shared_task, **TASK_OPTIONS, throws=(AttemptFailed,))

#: A delivery that finds no slot tries again after this long, so many times.
POSTPONED_SECONDS = 1.0
POSTPONED_TIMES = 5


@shared_task(name="invalidation.drain")
@guarded
def drain(database: str = "default", events: list[str] | None = None, correlation_id: str = "", lane: str = "") -> str:
    """Claim every pending event, and purge this worker's tiers; `events` are those whose commit sent this task."""
    with context.following(correlation_id):
        drained = pipeline.drain(database, inline_tiers=inline.own_tiers(), lane=lane)
    proved = [f"proved by {', '.join(map(str, drained.proved))}"] if drained.proved else []
    said = [str(drained), *map(summary, drained.purged), *proved, *map(result, drained.unproved)]
    return shown("; ".join(said), drained.unproved)


@shared_task(name="invalidation.deliver")
@guarded
def deliver(database: str, delivery: int, correlation_id: str = "", **described: Any) -> str:
    """Purge one batch from one node, and go on outwards; `described` says which, for whoever looks at Flower."""
    place = CachePlace(str(described.get("tier")), str(described.get("node")))
    with inline.inline_run(database) as run:
        with slots.asked(place, str(described.get("lane"))) as free, context.following(correlation_id):
            if not free:
                _later(database, delivery)
            ended = pipeline.deliver(database, delivery)
        # Its slot is free again: what it goes on with takes one by itself.
        all_ended = [ended, *_inline(run)]
    pipeline.resume(database)
    return shown("; ".join(map(result, all_ended)), filter(None, all_ended))


def _later(database: str, delivery: int) -> NoReturn:
    """The same message again in a moment, so often that the sweep, which has no bound, is the next to look."""
    task = celery.current_task
    if not task.request.retries:
        pipeline.pass_by(database, delivery)
    if task.request.retries < POSTPONED_TIMES:
        task.retry(countdown=POSTPONED_SECONDS, max_retries=POSTPONED_TIMES, throw=False)
    raise Retry("later: its node has as many slots of this worker as one may have")


def _inline(run: inline.InlineRun) -> Iterator[Delivery | None]:
    """Run what the task has taken on, and what that takes on; what finds no slot gets its message after all."""
    while delivery := run.next_delivery():
        with slots.asked(delivery.place, delivery.batch.lane) as free:
            if not free:
                ready = {"database": run.database, "deliveries": [delivery], "wait_seconds": POSTPONED_SECONDS}
                tell(deliveries_ready, "hand_out_failed", **ready)
                pipeline.pass_by(run.database, delivery.pk)
                return
            with context.following(delivery.batch.correlation_id):
                yield pipeline.deliver(run.database, delivery.pk)


def result(delivery: Delivery | None) -> str:
    """One line: what became of it."""
    if delivery is None:
        return "not due: final already, or another worker has it"
    removed = "" if delivery.removed is None else f", removed {delivery.removed}"
    error = f": {delivery.error}" if delivery.error else ""
    return (
        f"{delivery.place} {delivery.status} in {delivery.milliseconds:.1f} ms, {delivery.calls} calls{removed}{error}"
    )


@shared_task(name="invalidation.sweep")
@guarded
def sweep(database: str = "default") -> dict[str, int]:
    """Announce again what stands still; once a minute, keep how it goes."""
    swept = pipeline.sweep(database)
    pipeline.sample(database)
    return swept


@shared_task(name="invalidation.fire", base=Quiet)
@guarded
def fire(database: str = "default") -> int:
    """Make events of the instants that have come."""
    return instants.fire(database)


@shared_task(name="invalidation.rebound", base=Quiet)
@guarded
def rebound(database: str = "default") -> str:
    """Purge again what was purged a longest render ago."""
    return str(pipeline.rebound(database, inline_tiers=inline.own_tiers()))


@shared_task(name="invalidation.refresh", base=Quiet)
@guarded
def refresh(database: str = "default") -> str:
    """Fetch again what was purged in that mode."""
    return str(pipeline.refresh(database))


@shared_task(name="invalidation.verify", base=Quiet)
@guarded
def verify(database: str = "default") -> str:
    """Ask every node for a sample of what was purged."""
    return str(pipeline.verify(database))


@shared_task(name="invalidation.prune")
@guarded
def prune() -> dict[str, int]:
    """Delete finished history that is older than the retention."""
    return pipeline.prune()


@shared_task(name="invalidation.canary")
@guarded
def canary() -> str:
    """Put a canary through every tier, and name what is configured wrong."""
    report = doctor.examine()
    doctor.remember(report)
    return (
        "; ".join(f"{finding.fault.code} {finding.node}".strip() for finding in report.findings) or "nothing is wrong"
    )


@shared_task(name="invalidation.audit")
@guarded
def audit() -> str:
    """Look for changes without an event, tags that nothing carries, pages that no purge reaches."""
    from invalidation.audit import last_report  # few workers ever do
    from invalidation.audit.examination import Question, examine

    question = Question()
    report = examine(question)
    last_report.remember(report, question.parts)
    return f"{len(report.findings)} things to mend" if report.findings else "nothing to mend"
