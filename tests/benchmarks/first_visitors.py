"""Purges a page in each mode and visits it, in the site's environment: `python -m … TIMES NGINX URL FILE`."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

import django

from deploy.local.processes import wait_for


def main(times: int, nginx: str, url: str, file: Path) -> None:
    """Write the median of the first visitor's time, and of the next one's, in nanoseconds, by mode."""
    taken: defaultdict[str, list[int]] = defaultdict(list)
    for _ in range(times):
        for mode in ("delete", "refresh"):
            _visit(nginx, url)  # so that there is something to fetch again
            _purged(url, mode)
            taken[mode].append(_visit(nginx, url))
            taken[f"hit after {mode}"].append(_visit(nginx, url))
    file.write_text(json.dumps({name: int(statistics.median(values)) for name, values in taken.items()}))


def _purged(url: str, mode: str) -> None:
    """Until every tier has confirmed it, and what was there is there again."""
    import invalidation
    from invalidation.models import Event, EventStatus

    event = invalidation.invalidate(urls=[url], mode=mode)
    assert event
    over = Event.objects.filter(uid=event.uid, status=EventStatus.DONE)
    over = over.filter(batch__refreshed_at__isnull=False) if mode == "refresh" else over
    wait_for(over.exists, 30, f"the {mode} of {url}")


def _visit(nginx: str, url: str) -> int:
    from invalidation.providers.http import Location, Node

    location = Location.of(url)
    node = Node("visitor", nginx, timeout_seconds=10)
    started = time.perf_counter_ns()
    node.send("GET", location.target, location.headers)
    return time.perf_counter_ns() - started


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
