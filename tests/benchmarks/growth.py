"""Growth: time against size, at three or more sizes each, and the slope. Not part of the plain `make bench`."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping

from tests.benchmarks.django_site import django_site
from tests.benchmarks.figures import Aim, Figure
from tests.benchmarks.processor import resident_megabytes

NODES = (1, 10, 100, 1000)
TIERS = (1, 2, 4, 8)
TARGETS = (1, 100, 10_000)
ADDRESSES = (1, 100, 10_000, 100_000)
TAGS = (1, 10, 100)
PENDING = (1_000, 10_000, 100_000)
ROWS = (10_000, 100_000, 1_000_000)
#: Of a straight line the slope is 1; a little more is the noise of a machine.
MOST_SLOPE = 1.1
SLOW_MICROSECONDS = 10_000


def slope(curve: Mapping[int, float]) -> float:
    """Exponent of the growth from the middle size on: what is constant hides it among the small ones."""
    points = [(math.log(size), math.log(value)) for size, value in curve.items()][-3:]
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope


def curve(what: str, unit: str, measured: Mapping[int, float]) -> Iterator[Figure]:
    """A row for each size, and one for the slope."""
    for size, value in measured.items():
        yield Figure("growth", f"{what}: {size:,}", value, unit)
    aim = Aim("≤", MOST_SLOPE)
    yield Figure("growth", f"{what}: slope from {list(measured)[-3]:,} on", slope(measured), "", aim=aim)


def of(sizes: tuple[int, ...], measure: Callable[[int], float]) -> dict[int, float]:
    """Each size measured."""
    return {size: measure(size) for size in sizes}


def figures(most_rows: int = ROWS[-1]) -> Iterator[Figure]:
    """Everything; ten million rows with `growth:10000000`."""
    with django_site() as redis:
        client = _watched(redis.url())
        from tests.benchmarks import growing

        yield from curve("nodes of a tier, one event", "ms", of(NODES, growing.of_nodes))
        yield from curve("tiers, one event", "ms", of(TIERS, growing.of_tiers))
        yield from curve("addresses in an event", "ms", of(TARGETS, growing.of_targets))
        yield from curve("addresses that carry a tag", "ms", of(ADDRESSES, growing.of_addresses))
        yield from curve("tags of a page, one response", "ms", of(TAGS, growing.of_tags))
        yield from _pending(growing.of_pending)
        yield from _stored(most_rows)
        yield Figure("growth", "Redis commands above 10 ms", client(), "commands", aim=Aim("≤", 0))


def _pending(measure: Callable[[int], float]) -> Iterator[Figure]:
    memory: dict[int, float] = {}
    taken: dict[int, float] = {}
    for size in PENDING:
        taken[size] = measure(size)
        memory[size] = resident_megabytes()
    yield from curve("pending events, until all are done", "ms", taken)
    yield from curve("pending events, memory of the process", "MB", memory)


def _stored(most: int) -> Iterator[Figure]:
    from tests.benchmarks import rows, stored

    claims: dict[int, float] = {}
    pages: dict[int, float] = {}
    for size, before in zip((*ROWS[:-1], most), (0, *ROWS), strict=False):
        rows.history(size - before)
        claims[size] = stored.claim_milliseconds()
        pages[size] = max(taken for _, taken in stored.pages())
    yield from curve("rows stored, a claim", "ms", claims)
    yield from curve("rows stored, the slowest page of the admin", "ms", pages)


def _watched(url: str) -> Callable[[], int]:
    """Counts Redis' slow commands from now on."""
    import redis

    client = redis.Redis.from_url(url)
    client.config_set("slowlog-log-slower-than", SLOW_MICROSECONDS)
    client.config_set("slowlog-max-len", 10_000)
    client.slowlog_reset()
    return client.slowlog_len
