"""Why a node answers with a copy that is older than the last purge that concerned it. Pure."""

from __future__ import annotations

from datetime import timedelta

from invalidation.models import Batch, Delivery, DeliveryStatus
from invalidation.pipeline.aftercare.verify import is_stale
from invalidation.providers.answers.reply import Probe
from invalidation.status import words
from invalidation.status.why.case import Case, is_held, rendered_at
from invalidation.status.why.codes import Code, Reason
from invalidation.status.why.moments import told

WORKERS = "Are the workers of its queue running? `manage.py invalidation_status` shows what waits."
FAILING = (DeliveryStatus.FAILED, DeliveryStatus.DEFERRED)


def old(case: Case, probe: Probe) -> Reason | None:
    """Why; None for what is not old, or does not tell how old it is."""
    if probe.sequence is None:
        return None
    last, pending = case.history.last, case.history.pending
    if last and is_stale(probe.sequence, last.sequence or _by_clock(last)):
        return _of_purge(case, probe, last)
    if pending and rendered_at(probe.sequence) < pending.created_at:
        unclaimed = f"old: its purge, event {pending.uid} of {told(pending.created_at)}, was claimed by no worker yet"
        return Reason(Code.OLD_UNCLAIMED, unclaimed, WORKERS)
    return None


def _by_clock(last: Batch) -> int:
    """Stands for the sequence of a batch that has none yet."""
    return int(last.created_at.timestamp() * 1e6)


def _of_purge(case: Case, probe: Probe, last: Batch) -> Reason:
    place, row = case.asked.place, case.history.rows.get(case.asked.place)
    if row is None and last.tiers and place.tier not in last.tier_names:
        unmeant = f"old: the last purge was meant for {last.tiers} alone, not for this tier"
        return Reason(Code.OLD_OTHER_TIERS, unmeant, "Purge it again without `--tier`, if it is to go everywhere.")
    if row is None:
        unknown = "old: the last purge knew of no such node, which has joined since or is named otherwise"
        return Reason(Code.OLD_NEW_NODE, unknown, "Purge the page again; a node that joins must start empty.")
    if row.status != DeliveryStatus.PURGED:
        return standing(case, row, "old: its purge")
    return _proved(case, last) if is_held(probe) else _handed(case)


def _handed(case: Case) -> Reason:
    """The node has no copy itself: whoever it fills from has."""
    inside = ", ".join(sorted(case.around.inner))
    source = f"the tiers inside, {inside}, or the application" if inside else "the application"
    return Reason(
        Code.OLD_HANDED,
        f"old: this node had no copy, and was given it by {source}",
        "See the tiers inside; an application that shows old content has it from a cached value, or from a replica of "
        "the database that is behind.",
    )


def _proved(case: Case, last: Batch) -> Reason:
    """It was purged, and is old nevertheless."""
    if case.around.soft:
        soft = "old, as was meant: purged softly, so that the old copy is shown once more while a new one is fetched"
        return Reason(Code.OLD_SOFT, soft, "Ask again.")
    if culprit := _unpurged_inside(case):
        cause = standing(case, culprit, f"whose purge at {words.place(*culprit.place)}")
        taken = f"old: purged, and filled again from {culprit.tier}, {cause.words}"
        return Reason(Code.OLD_FROM_INSIDE, taken, cause.remedy)
    if last.rebound_at and not last.rebounded_at:
        rebound = f"old: taken up again after its purge; purged once more at {told(last.rebound_at)}"
        return Reason(Code.OLD_REBOUND, rebound)
    second = case.history.second.get(case.asked.place)
    if second and second.status != DeliveryStatus.PURGED:
        again = standing(case, second, "old: taken up again after its purge; the second purge")
        return Reason(Code.OLD_SECOND_PURGE, again.words, again.remedy)
    twice = "old: taken up again after its purge, and after the one that followed"
    return Reason(
        Code.OLD_TWICE,
        twice,
        "Purge it again. If that does not help, answers are on their way for longer than FRESHNESS"
        "['TRANSFER_SECONDS'], or the node keeps it under a key that the purge does not name: "
        "`manage.py invalidation_doctor`.",
    )


def _unpurged_inside(case: Case) -> Delivery | None:
    rows = (row for row in case.history.rows.values() if row.tier in case.around.inner)
    return next((row for row in rows if row.status != DeliveryStatus.PURGED), None)


def standing(case: Case, row: Delivery, subject: str) -> Reason:
    """How a delivery stands that has not proved its purge; `subject` begins the sentence."""
    if row.status == DeliveryStatus.PENDING:
        return _pending(case, row, subject)
    if row.status == DeliveryStatus.RUNNING:
        return _running(case, row, subject)
    if row.status == DeliveryStatus.ACCEPTED:
        job = f"{subject} is a job of the vendor's, {row.external_id}, that still runs"
        return Reason(Code.OLD_JOB, f"{job}; asked after again at {told(row.available_at)}")
    if row.status in FAILING:
        return _failing(row, subject)
    return Reason(Code.OLD_DEAD_LETTER, f"{subject} is a dead letter: {row.error}", words.diagnose(row.error).remedy)


def _failing(row: Delivery, subject: str) -> Reason:
    found = words.diagnose(row.error)
    if row.status == DeliveryStatus.DEFERRED:
        code, verb = Code.OLD_PUT_OFF, "is put off until"
    else:
        code, verb = Code.OLD_RETRIED, "failed, and is tried again at"
    return Reason(code, f"{subject} {verb} {told(row.available_at)}: {row.error}", found.remedy)


def _running(case: Case, row: Delivery, subject: str) -> Reason:
    begun_at = row.started_at or row.created_at
    ends_at = begun_at + timedelta(seconds=case.around.lease_seconds)
    if ends_at <= case.now:
        died = f"{subject} was left by a worker that died; it had begun at {told(begun_at)}"
        return Reason(Code.OLD_ABANDONED, died, f"Another worker takes it over. {WORKERS}")
    return Reason(Code.OLD_RUNNING, f"{subject} is under way since {told(begun_at)}")


def _pending(case: Case, row: Delivery, subject: str) -> Reason:
    inside = (one for one in case.history.rows.values() if one.tier in case.around.inner and not one.attempted_at)
    if before := next(inside, None):
        waits = f"{subject} waits for the tier inside: {words.place(*before.place)} was not asked yet"
        return Reason(Code.OLD_WAITS_INSIDE, waits, WORKERS)
    replayed = f" since {row.replayed_by or 'somebody'} replayed it" if row.replayed_at else ""
    return Reason(Code.OLD_WAITS, f"{subject} waits for a free worker{replayed}", WORKERS)
