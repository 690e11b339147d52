"""What becomes of a delivery for every fault of every CDN: the expectation that tests prove and the docs show.

`python -m tests.providers.cdn.faults` writes docs/reference/fault-matrix.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "fault-matrix.md"
PRODUCTS = ("cloudflare", "cloudfront", "fastly", "bunny", "generic")
ALWAYS = 1_000


@dataclass(frozen=True)
class Trouble:
    """One fault, and the statuses that the delivery passes through until it is final."""

    words: str
    kind: str
    path: tuple[str, ...]
    times: int = 1
    details: dict[str, Any] = field(default_factory=dict)
    other: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Products for which it ends otherwise."""

    only: str = ""
    """The product that alone has it."""

    def expected(self, product: str) -> tuple[str, ...]:
        """The statuses; CloudFront's jobs are accepted before they are proven."""
        path = self.other.get(product, self.path)
        if product == "cloudfront" and path[-1] == "purged":
            return (*path[:-1], "accepted", "purged")
        return path


RETRIED = ("failed", "purged")
PUT_OFF = ("deferred", "purged")
REFUSED = ("rejected",)
TROUBLES = (
    Trouble("too many, with a pause", "throttled", PUT_OFF, details={"seconds": 7}),
    Trouble("too many, without a pause", "throttled", PUT_OFF),
    Trouble("status 500", "error", RETRIED, details={"status": 500}),
    Trouble("status 503, twice", "error", ("failed", *RETRIED), times=2, details={"status": 503}),
    Trouble("no answer within the timeout", "hang", RETRIED),
    Trouble("connection reset", "reset", RETRIED),
    Trouble("accepted, but the answer is lost", "lost", RETRIED),
    Trouble("200 with a page that proves nothing", "garbage", RETRIED),
    Trouble("slow, but within the timeout", "slow", ("purged",), details={"seconds": 0.1}),
    Trouble("good credentials refused once", "unauthorized", REFUSED, other={"cloudflare": RETRIED}),
    Trouble(
        "credentials refused always",
        "unauthorized",
        REFUSED,
        times=ALWAYS,
        other={"cloudflare": ("failed", "failed", "rejected")},
    ),
    Trouble("status 500, always", "error", ("failed", "failed", "failed", "dead"), times=ALWAYS),
    Trouble("200, but a part was not accepted", "partial", RETRIED, only="cloudflare"),
)
HEADING = """# Fault matrix

What becomes of one delivery when a CDN misbehaves, proven for every cell by `tests/providers/cdn/test_faults.py`
against the stand-ins, with four attempts allowed. Each arrow is one more attempt or poll; `failed` and `deferred` are
waits, and `deferred` consumes no attempt. In every cell that ends as `purged` the copy is gone; in every other the
delivery is a dead letter with the vendor's own words, to be replayed: nothing is lost.

This page is generated: `python -m tests.providers.cdn.faults`.

"""
#: Faults found by attack, by their id: what went wrong elsewhere, and the test that shows that it does not here.
NAMED = {
    "F27": ("the worker empties its own memory and calls it purged", "tests/unit/caching/test_unshared.py"),
    "F28": ("an answer of 502 is counted as proof that nothing is stale", "tests/integration/freshness/test_verify.py"),
    "F29": (
        "`SCRIPT_NAME` of a visitor's choice ends in everybody's page",
        "tests/integration/local/test_script_name.py",
    ),
    "F30": ("`Surrogate-Control` makes Varnish store what is private", "tests/integration/local/test_storage.py"),
    "F31": ("a node that echoes headers writes the secret into the status page", "tests/providers/test_echo.py"),
}
ENDING = """
Faults found by attack, each with tests named after it:

| id | fault | tests `test_fNN_…` in |
| --- | --- | --- |
"""


def page() -> str:
    """The page of the documentation."""
    rows = [["fault", *PRODUCTS], ["---"] * (len(PRODUCTS) + 1)]
    rows += [[trouble.words, *(_cell(trouble, product) for product in PRODUCTS)] for trouble in TROUBLES]
    named = [[fault, words, f"`{file}`"] for fault, (words, file) in NAMED.items()]
    return HEADING + _lines(rows) + ENDING + _lines(named)


def _lines(rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(trouble: Trouble, product: str) -> str:
    return "-" if trouble.only not in ("", product) else " → ".join(trouble.expected(product))


if __name__ == "__main__":
    PAGE.write_text(page())
