"""B15: how long the first visitor waits after a purge of each mode, beside a hit, at the Nginx of the shipped stack."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.figures import Aim, Figure
from tests.benchmarks.site import site

ROUNDS = 50
#: The first visitor after a refresh, and a hit.
MOST = 1.2
PAGE = "/blog/"


def figures() -> Iterator[Figure]:
    """The median of each, and of a hit right behind it."""
    with site() as running:
        assert running.stack.nginx
        found = running.told("first_visitors", ROUNDS, running.stack.nginx.url, f"{running.stack.site_url}{PAGE}")
    for mode, aim in (("delete", None), ("refresh", Aim("≤", MOST, "ratio"))):
        what = f"the first visitor of {PAGE} after a purge with `{mode}`, p50"
        yield Figure("B15", what, found[mode] / 1000, "µs", found[f"hit after {mode}"] / 1000, "a hit", aim)
