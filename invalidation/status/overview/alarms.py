"""What is wrong on a board, the worst first, each with what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from invalidation.status.overview.board import SHOWN_STALE, Board, LaneStanding
from invalidation.status.overview.causes import MOST, Cause
from invalidation.status.words import BY_ITSELF, place
from invalidation.targets.values import Lane

#: Work this old is stuck: an idle pipeline takes a second, a bulk import may take its time.
STUCK_SECONDS = {Lane.TAKEDOWN: 10.0, Lane.EDITORIAL: 15.0, Lane.BULK: 600.0}
#: A minute is counted by the sweep that follows it; so long after the last, nobody sweeps.
SILENT = timedelta(seconds=150)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that is wrong."""

    words: str
    remedy: str
    bad: bool = True
    """False: somebody should look at it in the morning."""

    cause: Cause | None = None
    leads_to: str = ""
    """Where more of it stands: `deliveries`, `events`, `lane editorial`, `doctor`, `stale` or `rules`."""


def alarms(board: Board) -> list[Alarm]:
    """Everything that is wrong."""
    found = [
        *_silence(board),
        *_of_redis(board),
        *(_of_cause(board, cause) for cause in board.causes),
        *_of_breakers(board),
        *filter(None, (_stuck(board, lane) for lane in board.lanes)),
        *_staleness(board),
        *_rest(board),
    ]
    return sorted(found, key=lambda alarm: not alarm.bad)


def _silence(board: Board) -> Iterator[Alarm]:
    if board.sampled_at and board.seen_at - board.sampled_at > SILENT:
        seconds = (board.seen_at - board.sampled_at).total_seconds()
        words = f"Nobody has looked after the pipeline for {ago(seconds)}: beat, or every worker, is down"
        yield Alarm(words, "Start beat and the workers; `manage.py invalidation_doctor` says which is missing.")


def _of_redis(board: Board) -> Iterator[Alarm]:
    if any(node.breaker == "unknown" for node in board.nodes):
        remedy = "Start the Redis of REDIS_URL. Purges go on meanwhile, pages get a short life."
        yield Alarm("The Redis of REDIS_URL does not answer", remedy)


def _of_cause(board: Board, cause: Cause) -> Alarm:
    """A node that purges again leaves its dead letters behind, which only wait for a person."""
    well = any(node.place == cause.place and node.well for node in board.nodes)
    since = f", since {clock(cause.since, board.seen_at)}" if cause.since else ""
    remedy = "The node purges again: replay them." if well and cause.dead else cause.diagnosis.remedy
    bad = not cause.diagnosis.passing and not (well and not cause.dead)
    return Alarm(f"{cause.name}: {amount(cause)}{since}", remedy, bad, cause, "deliveries")


def amount(cause: Cause) -> str:
    """`14 dead letters, 3 purges wait`."""
    dead = f"{_counted(cause.dead)} dead letter{'s' * (cause.dead != 1)}" if cause.dead else ""
    waiting = f"{_counted(cause.waiting)} purge{'s wait' if cause.waiting != 1 else ' waits'}" if cause.waiting else ""
    return ", ".join(filter(None, (dead, waiting)))


def _counted(number: int) -> str:
    return f"{number:,} or more" if number >= MOST else f"{number:,}"


def _of_breakers(board: Board) -> Iterator[Alarm]:
    """Of nodes that are left alone while nothing waits for them."""
    told = {cause.place for cause in board.causes}
    for node in board.nodes:
        if node.state == "left alone" and node.place not in told:
            yield Alarm(f"{place(*node.place)} failed repeatedly and is left alone", BY_ITSELF, bad=False)


def stuck_seconds(lane: str) -> float:
    """After which work of this lane is stuck; one that another version knew is claimed as editorial work is."""
    return STUCK_SECONDS[Lane(lane) if lane in Lane.values else Lane.EDITORIAL]


def _stuck(board: Board, lane: LaneStanding) -> Alarm | None:
    if lane.oldest_seconds <= stuck_seconds(lane.lane):
        return None
    words = f"Work of the lane {lane.lane} is not finished after {ago(lane.oldest_seconds)}"
    if any(cause.waiting for cause in board.causes):
        return Alarm(words, "It waits for the nodes named here.", leads_to="events")
    remedy = "Nobody seems to take it: do workers and beat run? `manage.py invalidation_doctor` tells."
    return Alarm(words, remedy, leads_to=f"lane {lane.lane}" if lane.waiting else "events")


def _staleness(board: Board) -> Iterator[Alarm]:
    if board.stale:
        more = " or more" if len(board.stale) >= SHOWN_STALE else ""
        pages = "page was" if len(board.stale) == 1 else "pages were"
        words = f"{len(board.stale)}{more} {pages} found older than the purge in the last hour"
        yield Alarm(
            words, "What is found old is purged again. `manage.py why URL` says how one got there.", leads_to="stale"
        )


def _rest(board: Board) -> Iterator[Alarm]:
    if board.rules:
        words = f"{len(board.rules)} rule{'s fail' if len(board.rules) != 1 else ' fails'}, so that pages may stay old"
        yield Alarm(words, "Correct what they name.", bad=False, leads_to="rules")
    if board.report and board.report["findings"]:
        yield _of_doctor(board.report["findings"], board.seen_at - datetime.fromisoformat(board.report["examined_at"]))


def _of_doctor(findings: Sequence[Mapping[str, Any]], age: timedelta) -> Alarm:
    """The first of them, and how many more its report has."""
    first, more = findings[0], len(findings) - 1
    where = place(first["tier"], first["node"]) if first["tier"] else first["node"]
    words = f"The doctor, {ago(max(0.0, age.total_seconds()))} ago{f', of {where}' if where else ''}: {first['words']}"
    others = f" Its report has {more} more." if more else ""
    return Alarm(words.removesuffix("."), f"{first['remedy']}{others}", bad=False, leads_to="doctor")


def ago(seconds: float) -> str:
    """`25 s`, `7 min`, `3 h`, `2 days`: as exact as anybody needs it."""
    if seconds < 100:  # noqa: PLR2004 (until here, seconds are easier to read than minutes)
        return f"{seconds:.0f} s"
    for name, unit, most in (("min", 60, 100 * 60), ("h", 3600, 48 * 3600)):
        if seconds < most:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} days"


def lasted(seconds: float) -> str:
    """`12 ms`, `1.2 s`, `7 min`."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else ago(seconds)  # noqa: PLR2004 (a tenth of ten seconds is nothing)


def clock(instant: datetime, now: datetime) -> str:
    """`18:03`, with the day where that is another one; in the zone of the settings."""
    local = timezone.localtime(instant)
    return local.strftime("%H:%M" if local.date() == timezone.localtime(now).date() else "%-d %B %H:%M")
