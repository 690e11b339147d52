"""The table of failures has a row for whatever may die, each with tests that exist."""

from __future__ import annotations

import re

import pytest

from tests.adoption.documentation.commands import ROOT
from tests.adoption.documentation.faults import functions

PAGE = (ROOT / "docs/explanation/failures.md").read_text()
ROWS = [row.strip("|").split(" | ") for row in re.findall(r"^\| .+ \|$", PAGE, re.MULTILINE)][1:]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
#: Words of the first cell: nobody takes one of these rows away by accident.
PARTS = (
    *("before its commit", "after its commit", "a worker", "beat", "broker", "REDIS_URL", "cached values"),
    *(
        "database",
        "application server",
        "Varnish",
        "Nginx",
        "CDN's API",
        "clock",
        "backup of the database",
        "that Redis",
    ),
)


@pytest.mark.parametrize("part", PARTS)
def test_every_part_that_may_die_has_a_row(part: str) -> None:
    assert [row for row in ROWS if part in row[0]]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip())
def test_every_row_says_what_happens_what_heals_it_and_which_tests_show_it(row: list[str]) -> None:
    dies, meanwhile, heals, by_hand, shown = row
    assert all(cell.strip() for cell in (dies, meanwhile, heals, by_hand))
    named = TEST.findall(shown)
    assert named
    assert [test for test in named if test[1] not in functions().get(test[0], ())] == []
