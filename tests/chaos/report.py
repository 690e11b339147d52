"""Tells what came of a run, on the terminal and in the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.chaos.faults import MOODS
from tests.chaos.run import Outcome

#: Documented bound on what a frozen Redis may cost a save.
BOUND_SECONDS = 2.0
#: And on what a hostile node may cost a takedown at every other.
TAKEDOWN_SECONDS = 2.0
EXAMPLES = 10
INTRODUCTION = """# Chaos report

What `python -m tests.chaos` printed. Processes write at a steady rate while workers, web processes, writers, beat,
Redis, PostgreSQL, Varnish, Nginx and stand-ins for cache nodes are killed, frozen, emptied and starved of memory at
points that the seed decides; stand-ins drip, answer without end, repeat the request or lie, and hostile visitors flood
the proxies. At the end everything is healed, and what was committed (a table written in the same
transactions) is compared with what each node was asked to purge (logs of the nodes). *Lost* is a committed change of
which some node was never asked to purge a target after the commit. *Unwanted* is a purge of a target that only a
rolled-back transaction had named. The naive baseline sends a Celery task from `post_save`, acknowledged late.
"""


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all doesn't exceed; 0 for none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def broken(outcome: Outcome) -> list[str]:
    """Promises that the run has shown not to hold."""
    verdict, frozen = outcome.verdict, outcome.frozen
    p99 = max(percentile(frozen.save_seconds, 0.99), percentile(frozen.request_seconds, 0.99))
    late = percentile(list(outcome.takedowns.seconds.values()), 0.99)
    checks = {
        f"{len(verdict.lost)} purges of committed changes lost": verdict.lost,
        f"{len(verdict.unwanted)} purges of rolled-back changes": verdict.unwanted,
        f"{len(verdict.keys_left)} keys left in Redis": verdict.keys_left,
        f"{len(outcome.stale_pages)} pages stale": outcome.stale_pages,
        f"saves failed with Redis frozen: {dict(frozen.failures)}": frozen.failures,
        f"p99 of {p99:.2f} s with Redis frozen": p99 > BOUND_SECONDS,
        f"{len(outcome.takedowns.unfinished)} takedowns unfinished at a sound node": outcome.takedowns.unfinished,
        f"takedowns behind hostile nodes took {late:.2f} s": late > TAKEDOWN_SECONDS,
        f"{outcome.secrets_told} deliveries tell the secret": outcome.secrets_told,
        f"still under way: {outcome.left}": outcome.left,
    }
    return [words for words, is_broken in checks.items() if is_broken]


def lines(outcome: Outcome) -> Iterator[str]:
    """The run in words and numbers."""
    strikes, verdict, frozen = outcome.strikes, outcome.verdict, outcome.frozen
    every = list(outcome.takedowns.seconds.values())
    yield f"{outcome.options.command}"
    yield ""
    yield f"faults                {sum(strikes.done.values())}, of which {strikes.kills} kills"
    for (act, victim), number in sorted(strikes.done.items()):
        yield f"  {act:<19} {victim:<17} {number:>4}"
    yield f"ended by themselves   {dict(strikes.world.unplanned) or 'none'}"
    yield f"changes begun         {_counted(outcome.changes)}"
    yield f"committed             {verdict.committed}"
    yield f"purges at the nodes   {verdict.purges}; {verdict.expected} expected"
    yield f"lost changes          {sum(verdict.lost_changes.values())} {dict(verdict.lost_changes) or ''}"
    yield f"missed, dead letter   {verdict.dead}"
    yield f"rolled back, purged   {len(verdict.unwanted)}"
    yield f"duplicates            {verdict.duplicates}"
    yield f"keys left in Redis    {len(verdict.keys_left)}"
    yield f"stale pages           {len(outcome.stale_pages)} of those that real Varnish and Nginx serve"
    yield f"Redis frozen          {len(frozen.save_seconds)} saves, failed: {_counted(frozen.failures) or 'none'}"
    yield f"  save                {_latencies(frozen.save_seconds)}; bound {BOUND_SECONDS:g} s"
    yield f"  whole request       {_latencies(frozen.request_seconds)}"
    yield f"hostile requests      {strikes.flooded.total()} among the faults"
    yield f"takedowns             {len(every)} behind hostile nodes, purged at all others after:"
    for mood in MOODS:
        yield f"  {mood:<19} {_latencies(outcome.takedowns.of(mood))}"
    yield f"  any of them         {_latencies(every)}; bound {TAKEDOWN_SECONDS:g} s at p99"
    yield f"  purged once more    {_latencies(outcome.takedowns.again_seconds)}"
    yield f"secret told           by {outcome.secrets_told} deliveries"
    yield f"backlog empty after   {outcome.peace_seconds:.1f} s; left: {outcome.left or 'nothing'}"
    yield f"rows                  {_counted(outcome.rows)}"
    yield "result                " + ("; ".join(broken(outcome)) or "every promise held")


def examples(outcome: Outcome) -> Iterator[str]:
    """A few of what went wrong, for whoever looks for the cause."""
    verdict = outcome.verdict
    for found in (verdict.lost, verdict.unwanted, verdict.keys_left, outcome.stale_pages):
        yield from found[:EXAMPLES]


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))


def _latencies(seconds: Sequence[float]) -> str:
    p50, p99 = percentile(seconds, 0.5), percentile(seconds, 0.99)
    return f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, longest {max(seconds, default=0) * 1000:.0f} ms"


def keep(outcome: Outcome, path: Path) -> None:
    """Write the section of this emitter, database and seed anew."""
    options = outcome.options
    title = f"## {options.emitter}, {options.database}, {options.seconds:g} seconds, seed {options.seed}\n"
    text = path.read_text() if path.exists() else INTRODUCTION
    text = re.sub(rf"\n{re.escape(title)}.*?(?=\n## |\Z)", "", text, flags=re.DOTALL)
    body = "\n".join(lines(outcome))
    path.write_text(f"{text.rstrip()}\n\n{title}\n```text\n{body}\n```\n")
