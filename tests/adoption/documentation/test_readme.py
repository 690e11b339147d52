"""The README says what is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.adoption.documentation import figures
from tests.adoption.documentation.commands import DOCUMENTS, ROOT

README = ROOT / "README.md"
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    missing = [link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert not missing


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z.]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", README.read_text())) <= targets


def test_the_readme_names_every_make_target_that_must_hold_before_a_change_lands() -> None:
    used = set(re.findall(r"^make ([a-z]+)", (ROOT / ".ci/run").read_text(), re.MULTILINE))
    assert used
    assert used <= set(re.findall(r"make ([a-z]+)", README.read_text()))


def test_every_test_that_shows_a_guarantee_exists() -> None:
    named = re.findall(r"pytest (tests/\S+\.py)`", README.read_text())
    assert len(named) >= 8
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_measured_figures_are_those_of_the_benchmarks() -> None:
    document = README.read_text()
    assert document == figures.rendered(document), "run python -m tests.adoption.documentation.figures"
