"""Purges a page in each mode and visits it, in the site's environment: `python -m … TIMES NGINX URL FILE`."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import django

from deploy.local.processes import wait_for

#: Of a visitor who comes after the same pause with no purge before it: to be asked out of rest costs something too.
NO_PURGE = "hit"
#: About what a refresh takes here.
NO_PURGE_SECONDS = 0.5


def main(times: int, nginx: str, url: str, file: Path) -> None:
    """Write the median of each first visitor's time in nanoseconds, by mode, and how many of them met a copy."""
    taken: defaultdict[str, list[int]] = defaultdict(list)
    met: defaultdict[str, int] = defaultdict(int)
    for _ in range(times):
        for mode in ("delete", "refresh", NO_PURGE):
            _visit(nginx, url)  # so that there is something to fetch again
            _paused(url, mode)
            nanoseconds, is_hit = _visit(nginx, url)
            taken[mode].append(nanoseconds)
            met[f"{mode} met a copy"] += is_hit
    file.write_text(json.dumps({name: int(statistics.median(values)) for name, values in taken.items()} | met))


def _paused(url: str, mode: str) -> None:
    """Until every tier has confirmed the purge, and what was there is there again; or for as long without one."""
    started, over = time.monotonic(), _asked(url, mode)
    wait_for(lambda: over(time.monotonic() - started), 30, f"the {mode} of {url}")


def _asked(url: str, mode: str) -> Callable[[float], bool]:
    import invalidation
    from invalidation.models import Event, EventStatus

    if mode == NO_PURGE:
        nothing = Event.objects.filter(pk=0)
        return lambda seconds: nothing.exists() or seconds > NO_PURGE_SECONDS
    event = invalidation.invalidate(urls=[url], mode=mode)
    assert event
    done = Event.objects.filter(uid=event.uid, status=EventStatus.DONE)
    rows = done.filter(batch__refreshed_at__isnull=False) if mode == "refresh" else done
    return lambda _: rows.exists()


def _visit(nginx: str, url: str) -> tuple[int, bool]:
    from invalidation.providers.http import Location, Node
    from invalidation.providers.nginx import STATUS_HEADER

    location = Location.of(url)
    node = Node("visitor", nginx, timeout_seconds=10)
    started = time.perf_counter_ns()
    answer = node.send("GET", location.target, location.headers)
    return time.perf_counter_ns() - started, answer.headers.get(STATUS_HEADER) == "HIT"


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
