"""The documentation as a site: every page has its place, every anchor is there, and all Markdown reads it alike."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from deploy.documentation import OUTSIDE, anchor, indented, relinked
from tests.adoption.documentation.commands import DOCUMENTS, ROOT
from tests.adoption.documentation.decisions import files as decisions

NAVIGATION = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
ENTRY = re.compile(r"^ +- (?:[^:\n]+: )?([\w/.-]+\.md)$", re.MULTILINE)
CODE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)#([^)\s]+)\)")
#: Of a link the text is the name, of code what stands in it.
MARKED = re.compile(r"\[([^\]]+)\]\([^)]*\)|[`*]")
ITEM = re.compile(r"[*-] |\d+\. ")
BEFORE_ITEM = re.compile(rf"(?:{ITEM.pattern})|[ |#<>]|$")


def prose(document: Path) -> str:
    """What is not code."""
    return CODE.sub("", document.read_text())


@cache
def anchors(document: Path) -> frozenset[str]:
    """Those that links may name; a heading that is there twice has a number the second time."""
    counted, found = Counter[str](), set()
    for heading in HEADING.findall(prose(document)):
        name = anchor(MARKED.sub(r"\1", heading))
        found.add(f"{name}-{counted[name]}" if counted[name] else name)
        counted[name] += 1
    return frozenset(found)


def test_the_navigation_lists_every_page_once_and_leaves_decisions_to_their_index() -> None:
    pages = {
        path.relative_to(ROOT / "docs").as_posix() for path in set((ROOT / "docs").rglob("*.md")) - set(decisions())
    }
    assert sorted(ENTRY.findall(NAVIGATION)) == sorted({*pages, *OUTSIDE}), (
        "name each page once in mkdocs.yml, below nav"
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_anchor_is_there(document: Path) -> None:
    named = [
        ((document.parent / path).resolve() if path else document, name) for path, name in LINK.findall(prose(document))
    ]
    assert [(path.name, name) for path, name in named if path.suffix == ".md" and name not in anchors(path)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_list_has_an_empty_line_before_it_which_the_site_s_markdown_asks_for(document: Path) -> None:
    pairs = pairwise(prose(document).splitlines())
    joined = [line for before, line in pairs if ITEM.match(line) and not BEFORE_ITEM.match(before)]
    assert joined == [], "put an empty line before the list"


def test_pages_have_no_diagrams_that_a_script_of_another_host_would_draw() -> None:
    pages = [path for path in DOCUMENTS if path.is_relative_to(ROOT / "docs")]
    assert [path.name for path in pages if "```mermaid" in path.read_text()] == [], "draw it in docs/images"


@pytest.mark.parametrize(
    ("source", "line", "expected"),
    [
        ("docs/how-to/run.md", "[e](../reference/environment.md#a)", "[e](../reference/environment.md#a)"),
        ("docs/upgrade-policy.md", "[changes](../CHANGELOG.md)", "[changes](CHANGELOG.md)"),
        ("CONTRIBUTING.md", "[how](docs/how-to/run.md)", "[how](how-to/run.md)"),
        ("docs/how-to/run.md", "[`a.py`](../../tests/a.py)", "`a.py`"),
        ("docs/how-to/run.md", "[e](#below), [f](https://example.com/a)", "[e](#below), [f](https://example.com/a)"),
    ],
)
def test_a_link_leads_to_the_same_page_on_the_site(source: str, line: str, expected: str) -> None:
    assert list(relinked([line], source, "")) == [expected]


def test_a_link_to_a_file_that_is_no_page_leads_to_the_repository_where_that_is_known() -> None:
    [line] = relinked(["[tests](../tests/README.md)"], "docs/tutorial.md", "https://example.com/r/")
    assert line == "[tests](https://example.com/r/blob/main/tests/README.md)"


def test_code_is_left_as_it_is() -> None:
    block = ["```python", "a[1](b)", "```"]
    assert list(relinked(block, "docs/tutorial.md", "")) == block


def test_what_belongs_to_a_numbered_item_is_indented_by_four() -> None:
    lines = ["1. Do", "   it:", "", "   ```python", "   a", "   ```", "10. And", "    this.", "Then", "   that."]
    assert list(indented(lines)) == [
        *["1. Do", "    it:", "", "    ```python", "    a", "    ```"],
        *["10. And", "    this.", "Then", "   that."],
    ]
