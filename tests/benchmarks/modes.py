"""B15: how long the first visitor waits after a purge of each mode, beside a hit, at the Nginx of the shipped stack."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.figures import Aim, Figure
from tests.benchmarks.first_visitors import NO_PURGE
from tests.benchmarks.site import site

ROUNDS = 50
#: The first visitor after a refresh, and one who comes after the same pause with no purge before it.
MOST = 1.2
PAGE = "/blog/"


def figures() -> Iterator[Figure]:
    """The median of each, and how many met a copy."""
    with site() as running:
        assert running.stack.nginx
        found = running.told("first_visitors", ROUNDS, running.stack.nginx.url, f"{running.stack.site_url}{PAGE}")
    for mode, aim in (("delete", None), ("refresh", Aim("≤", MOST, "ratio"))):
        what = f"the first visitor of {PAGE} after a purge with `{mode}`, p50"
        yield Figure("B15", what, found[mode] / 1000, "µs", found[NO_PURGE] / 1000, "a hit after the same pause", aim)
        met = f"of {ROUNDS} first visitors after a purge with `{mode}` so many met a copy"
        yield Figure("B15", met, found[f"{mode} met a copy"], "visitors")
