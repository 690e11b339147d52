"""The index names every decision, and every citation finds one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.adoption.documentation.commands import DOCUMENTS, ROOT
from tests.adoption.documentation.decisions import INDEX, files, index, numbered

CITED = re.compile(r"\bdecisions? (\d+)(?: and (\d+))?")
PARTS = ["Date: ", "\n## Context\n", "\n## Choice\n", "\n## Consequence\n"]


def test_the_index_is_made_of_the_first_lines() -> None:
    assert INDEX.read_text() == index(), "run python -m tests.adoption.documentation.decisions"


def test_decisions_are_numbered_without_gaps_and_as_their_files_say() -> None:
    numbers = [numbered(decision)[0] for decision in files()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers == [int(decision.name.partition("-")[0]) for decision in files()]


@pytest.mark.parametrize("decision", files(), ids=lambda path: path.name)
def test_a_decision_has_its_date_context_choice_and_consequence(decision: Path) -> None:
    text = decision.read_text()
    places = [text.find(part) for part in PARTS]
    assert -1 not in places
    assert places == sorted(places)


def test_every_cited_decision_exists() -> None:
    sources = [path for folder in ("invalidation", "workers", "tests") for path in (ROOT / folder).rglob("*.py")]
    texts = [path.read_text() for path in [*sources, *DOCUMENTS]]
    cited = {int(number) for text in texts for pair in CITED.findall(text) for number in pair if number}
    assert cited
    assert cited <= {numbered(decision)[0] for decision in files()}
