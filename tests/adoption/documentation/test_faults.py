"""The page of faults has all of them, each with tests that exist."""

from __future__ import annotations

import re

import pytest

from tests.adoption.documentation.commands import DOCUMENTS, ROOT
from tests.adoption.documentation.faults import FAULTS, PAGE, functions, numbers_of, page, shown_by

CITED = re.compile(r"\bF([1-9]\d?)\b")


def test_the_page_is_the_one_that_the_tests_make() -> None:
    assert PAGE.read_text() == page(), "run python -m tests.adoption.documentation.faults"


def test_faults_are_numbered_from_1_to_31() -> None:
    assert list(FAULTS) == list(range(1, 32))


@pytest.mark.parametrize("number", FAULTS, ids=lambda number: f"F{number}")
def test_every_fault_has_tests_and_each_of_them_exists(number: int) -> None:
    named = [test.split("::") for test in shown_by(number)]
    assert named
    assert [test for file, test in named if test not in functions().get(file, ())] == []


def test_no_test_is_named_after_a_fault_that_is_not_there() -> None:
    numbers = {number for tests in functions().values() for test in tests for number in numbers_of(test)}
    assert numbers <= set(FAULTS)


def test_every_fault_that_code_or_documents_cite_is_there() -> None:
    sources = [path for path in (ROOT / "invalidation").rglob("*") if path.suffix in (".py", ".template")]
    cited = {int(number) for path in [*sources, *DOCUMENTS] for number in CITED.findall(path.read_text())}
    assert cited <= set(FAULTS)
