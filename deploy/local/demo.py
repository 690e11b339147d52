"""`make demo`: shows every tier going stale, purged, fresh; exits 0 only if every step held.

Starts the whole system on free ports in a temporary folder, signs in to the admin over HTTP, makes the changes of
`deploy.local.story`, and stops everything.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import django
import requests
from rich.console import Console
from rich.live import Live

from deploy.local import picture
from deploy.local.forms import FormRefusedError
from deploy.local.processes import ServiceFailed
from deploy.local.stack import Stack
from invalidation.exceptions import TransientError
from invalidation.proxies.templates import Value

if TYPE_CHECKING:
    from deploy.local.measure import Row

BREAKS: dict[str, dict[str, Value]] = {"nginx-purge": {"purge_location": ""}}
"""What can be broken on purpose, to see that the demo notices."""
UNWATCHED_EDITS = 11
HELD = "[bold green]Every step held.[/]"
CAPTION = "counted from the recording of the event, just before its commit; fresh: for whoever asks from then on"


def main() -> int:
    """Run the demo; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local.demo", description="Every tier: stale, purged, fresh."
    )
    parser.add_argument(
        "--break", dest="broken", choices=BREAKS, help="break one tier on purpose; the demo must notice"
    )
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw an excerpt of what it showed as an SVG")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="django-invalidation-") as folder:
        try:
            stack = Stack(Path(folder), nginx_options=BREAKS.get(arguments.broken, {}), with_edge=True)
            return _demonstrate(console, stack, arguments.picture)
        except (ServiceFailed, FormRefusedError, requests.RequestException, TransientError) as failure:
            console.print(f"[bold red]Did not hold:[/] {failure}")
            return 1
        except KeyboardInterrupt:
            return 128 + signal.SIGINT


def _demonstrate(console: Console, stack: Stack, drawn: Path | None) -> int:
    started = time.monotonic()
    console.print("Starting Redis, the site, worker, beat, Flower, the proxies and an edge on free ports …")
    for tier in stack.missing:
        console.print(f"[yellow]Left out: {tier} is not installed, and installing it takes root.[/]")
    if stack.edge:
        console.print("The tier cloudflare is a program on this machine that plays Cloudflare: its edge and its API.")
    with stack:
        console.print(f"Everything answers after {time.monotonic() - started:.1f} s. The site: {stack.site_url}")
        rows, quiet = _story(console, stack)
    _summary(console, rows, quiet)
    console.print(HELD)
    if drawn:
        picture.draw(rows, HELD, drawn)
    return 0


def _story(console: Console, stack: Stack) -> tuple[list[Row], list[Row]]:
    """Every step in order, its rows shown as soon as they are known; then edits that nobody watches."""
    os.environ.update(stack.environment)
    django.setup()
    from deploy.local.measure import run, run_unwatched
    from deploy.local.story import Story

    rows: list[Row] = []
    story = Story(stack)
    table = picture.table()
    table.caption = CAPTION
    with Live(table, console=console, auto_refresh=False) as live:
        for step in story.steps():
            measured = run(stack, step)
            picture.add(table, measured)
            live.refresh()
            rows += measured
    console.print()
    quiet = [row for step in story.unwatched(UNWATCHED_EDITS) for row in run_unwatched(stack, step)]
    return rows, quiet


def _summary(console: Console, rows: list[Row], quiet: list[Row]) -> None:
    """Medians per tier. Watching and rendering take the time of what they measure, hence the edits without."""
    for tier in dict.fromkeys(row.tier for row in rows):
        times = [row.fresh_milliseconds for row in rows if row.tier == tier and row.fresh_milliseconds is not None]
        alone = [row.purged_milliseconds for row in quiet if row.tier == tier]
        watched = f"{median(times):.0f} ms over {len(times)} watched changes" if times else "unknown"
        proved = f"to the proved purge [bold]{median(alone):.0f} ms[/] over {len(alone)} edits that nobody watched"
        console.print(f"{tier}: median from commit to fresh {watched}, {proved}", soft_wrap=True)
    if any(row.fresh_milliseconds is None for row in rows):
        console.print("new before: an earlier change's second pass emptied the tier once the row had been changed.")


if __name__ == "__main__":
    sys.exit(main())
