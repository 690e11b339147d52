"""The full flood through every CDN at once, a process for each, as a table: `python -m tests.providers.cdn.floods`."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local import Redis
from tests.unit.pipeline.test_contention import answer, start

VENDORS = ("cloudflare", "cloudfront", "fastly")
URLS, TAGS = 30_000, 3_000
#: Above what the slowest quota takes: 150 paths a second.
PATIENCE_SECONDS = 300
HEADING = ("vendor", "calls", "fewest", "refused", "at most, in USD", "seconds", "seconds that the quota takes")


@dataclass(frozen=True)
class Measured:
    """One vendor's flood, from the first event to the proof of the last purge."""

    vendor: str
    status: str
    calls: int
    fewest_calls: int
    """By the vendor's limits for one call."""

    refusals: int
    """Requests that the stand-in answered with its "too many"."""

    purged_once: bool
    """Has the stand-in accepted every item, and each of them once?"""

    price_usd: float
    """As planned; nothing of it is free."""

    billed_usd: float
    """The same by the stand-in's log."""

    seconds: float
    quota_seconds: float
    """What the vendor's own rate takes, after all that an idle account has saved up."""

    @property
    def row(self) -> tuple[str, ...]:
        """As in the table."""
        numbers = (self.calls, self.fewest_calls, self.refusals)
        return (
            self.vendor,
            *(f"{number:,}" for number in numbers),
            f"{self.price_usd:.3f}" if self.price_usd else "-",
            f"{self.seconds:.0f}",
            f"{self.quota_seconds:.0f}",
        )


def table(measured: Sequence[Measured]) -> str:
    """Markdown."""
    rows = [HEADING, ("---",) * len(HEADING), *(one.row for one in measured)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def run(folder: Path, urls: int = URLS, tags: int = TAGS) -> list[Measured]:
    """Flood all of them; each has a database and an account of its own, and they share one Redis."""
    empty = folder / "empty.sqlite3"
    answer(start(f"sqlite:///{empty}", "manage.py", "migrate", "--verbosity=0"))
    with Redis(folder) as server:
        running = []
        for vendor in VENDORS:
            database = shutil.copy(empty, folder / f"{vendor}.sqlite3")
            command = ("-m", "tests.providers.cdn.floods", vendor, server.url(), str(urls), str(tags))
            running.append(start(f"sqlite:///{database}", *command))
        return [Measured(**json.loads(answer(process, PATIENCE_SECONDS))) for process in running]


def _flood(vendor: str, redis_url: str, urls: int, tags: int) -> Measured:
    """In a process of its own."""
    import django

    django.setup()
    from django.test import override_settings

    from tests.providers.cdn import flood, pipeline

    product = flood.at_plan_limits(vendor)
    with override_settings(INVALIDATION=pipeline.declared(product, **flood.settings(redis_url))), product.vendor:
        return flood.measure(product, urls, tags)


def main() -> None:
    """Without arguments: all vendors, as a table."""
    if len(sys.argv) > 1:
        vendor, redis_url, urls, tags = sys.argv[1:]
        print(json.dumps(asdict(_flood(vendor, redis_url, int(urls), int(tags)))))  # noqa: T201 (read by the parent)
        return
    with tempfile.TemporaryDirectory() as folder:
        print(table(run(Path(folder))))  # noqa: T201 (a command line program)


if __name__ == "__main__":
    main()
