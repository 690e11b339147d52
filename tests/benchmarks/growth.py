"""Growth: time against size, at three or more sizes each, and the slope. Not part of the plain `make bench`.

A size that would take its curve past its seconds, by what the sizes before it took, is left out, and said to be:
`growth:3600` gives each curve an hour, in which ten million rows are stored.
"""

from __future__ import annotations

import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from tests.benchmarks.django_site import django_site
from tests.benchmarks.figures import Aim, Figure
from tests.benchmarks.processor import resident_megabytes

NODES = (1, 10, 100, 1000)
TIERS = (1, 2, 4, 8)
TARGETS = (1, 100, 10_000)
ADDRESSES = (1, 100, 10_000, 100_000)
TAGS = (1, 10, 100)
PENDING = (1_000, 10_000, 100_000, 1_000_000)
ROWS = (10_000, 100_000, 1_000_000, 10_000_000)
WORKERS = (1, 2, 4)
WORKERS_EVENTS = 2_000
#: Of a straight line the slope is 1; a little more is the noise of a machine.
MOST_SLOPE = 1.1
SLOW_MICROSECONDS = 10_000
#: For one curve, its preparation included.
ENOUGH_SECONDS = 300
LEAST_SIZES = 3


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


def of(sizes: tuple[int, ...], measure: Callable[[int], float], seconds: float) -> dict[int, float]:
    """Each size measured, as far as there is time, and the first few in any case."""
    found: dict[int, float] = {}
    started = last = time.monotonic()
    took_seconds = 0.0
    for size in sizes:
        growth = size / list(found)[-1] if found else 0.0
        if len(found) >= LEAST_SIZES and last - started + growth * took_seconds > seconds:
            break
        found[size] = measure(size)
        took_seconds, last = time.monotonic() - last, time.monotonic()
    return found


def grown(
    what: str, unit: str, sizes: tuple[int, ...], measure: Callable[[int], float], seconds: float
) -> Iterator[Figure]:
    """The curve over these sizes, and a row for each that there was no time for."""
    measured = of(sizes, measure, seconds)
    yield from curve(what, unit, measured)
    for size in sizes[len(measured) :]:
        yield Figure("growth", f"{what}: {size:,}, left out for want of time", 0, unit)


def figures(seconds: int = ENOUGH_SECONDS) -> Iterator[Figure]:
    """Everything, so many seconds for each curve; and what Redis took longer for than 10 ms."""
    with django_site() as redis:
        client = _watched(redis.url())
        from tests.benchmarks import growing

        yield from grown("nodes of a tier, one event", "ms", NODES, growing.of_nodes, seconds)
        yield from grown("tiers, one event", "ms", TIERS, growing.of_tiers, seconds)
        yield from grown("addresses in an event", "ms", TARGETS, growing.of_targets, seconds)
        yield from grown("addresses that carry a tag", "ms", ADDRESSES, growing.of_addresses, seconds)
        yield from grown("tags of a page, one response", "ms", TAGS, growing.of_tags, seconds)
        yield from _pending(growing.of_pending, seconds)
        yield from _stored(seconds)
        slow = client()
        named = ", ".join(f"{count} {name}" for name, count in slow.most_common(5))
        label = f"Redis commands above 10 ms{': ' if slow else ''}{named}"
        yield Figure("growth", label, slow.total(), "commands", aim=Aim("≤", 0))
    yield from grown(f"worker processes, {WORKERS_EVENTS:,} events", "ms", WORKERS, _of_workers, seconds)


def _pending(measure: Callable[[int], float], seconds: float) -> Iterator[Figure]:
    memory: dict[int, float] = {}

    def measured(size: int) -> float:
        taken = measure(size)
        memory[size] = resident_megabytes()
        return taken

    yield from grown("pending events, until all are done", "ms", PENDING, measured, seconds)
    yield from curve("pending events, memory of the process", "MB", memory)


def _stored(seconds: float) -> Iterator[Figure]:
    from tests.benchmarks import rows, stored

    pages: dict[int, float] = {}

    def claim(size: int) -> float:
        rows.history(size - max(pages, default=0))
        pages[size] = max(taken for _, taken in stored.pages())
        return stored.claim_milliseconds()

    yield from grown("rows stored, a claim", "ms", ROWS, claim, seconds)
    yield from curve("rows stored, the slowest page of the admin", "ms", pages)


def _of_workers(number: int) -> float:
    from tests.benchmarks import crew
    from tests.benchmarks.site import site

    with site(workers=number) as running:
        a_second, _ = crew.rate(running, WORKERS_EVENTS)
    return 1000 * WORKERS_EVENTS / a_second


def _watched(url: str) -> Callable[[], Counter[str]]:
    """Counts Redis' slow commands from now on, by name; scripts by the beginning of their digest."""
    import redis

    client = redis.Redis.from_url(url, decode_responses=True)
    client.config_set("slowlog-log-slower-than", SLOW_MICROSECONDS)
    client.config_set("slowlog-max-len", 10_000)
    client.slowlog_reset()
    return lambda: Counter(_name(entry["command"]) for entry in client.slowlog_get(10_000))


def _name(command: str | bytes) -> str:
    words = (command.decode(errors="replace") if isinstance(command, bytes) else command).split()
    return " ".join((words[0], words[1][:8])) if words[0].startswith("EVAL") else words[0]
