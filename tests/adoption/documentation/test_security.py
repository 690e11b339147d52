"""The page of security has every attack and every place of an attacker, each with tests that exist."""

from __future__ import annotations

import re

import pytest

from tests.adoption.documentation.commands import ROOT
from tests.adoption.documentation.faults import functions


def sections(text: str, level: str) -> dict[str, str]:
    """What stands below each heading of this level."""
    return dict(re.findall(rf"^{level} (.+?)\n(.*?)(?=^{level} |\Z)", text, re.MULTILINE | re.DOTALL))


PAGE = (ROOT / "docs/explanation/security.md").read_text()
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
#: Anything that may be meant for a test or for where one stands.
CITED = re.compile(r"`([^`\n]*(?:\btests/|\btest_)[^`\n]*)`")
SECTIONS = sections(PAGE, "##")
PLACES = (
    "A visitor",
    "An editor's account",
    "A token of the API",
    "A cache node",
    "Redis",
    "The broker",
    "A CDN's API",
)
PLACED = sections(SECTIONS["What an attacker can and can't do"], "###")
ATTACKS = re.findall(r"^\| (\d+) \|(.*)\|$", SECTIONS["What was attacked, and what holds"], re.MULTILINE)


def named_in(text: str) -> list[tuple[str, str]]:
    """File and name of each that is named in full."""
    return TEST.findall(text)


def points(text: str) -> list[str]:
    """The items of a list, with the lines that go on with them."""
    return re.findall(r"^\* .*(?:\n  .*)*", text, re.MULTILINE)


def test_every_row_of_the_issue_is_there() -> None:
    assert [int(number) for number, _ in ATTACKS] == list(range(1, 16))


@pytest.mark.parametrize(("number", "row"), ATTACKS, ids=[number for number, _ in ATTACKS])
def test_every_attack_says_what_holds_and_has_tests(number: str, row: str) -> None:
    attacked, holds, held_by = row.split(" | ")
    assert attacked.strip()
    assert holds.strip()
    assert named_in(held_by)


@pytest.mark.parametrize("place", PLACES)
def test_every_place_of_an_attacker_says_what_he_can_and_can_not_do_each_with_its_test(place: str) -> None:
    _, can, can_not = re.split(r"^Can:\n|^Can't:\n", PLACED[place], flags=re.MULTILINE)
    for half in (can, can_not):
        assert points(half)
        assert [point for point in points(half) if not named_in(point)] == []


def test_every_test_that_is_named_exists() -> None:
    assert [test for test in named_in(PAGE) if test[1] not in functions().get(test[0], ())] == []


def test_every_test_is_named_in_full() -> None:
    files = [cited for cited in CITED.findall(PAGE) if not TEST.fullmatch(f"`{cited}`")]
    assert [cited for cited in files if not (ROOT / cited).is_file()] == []
