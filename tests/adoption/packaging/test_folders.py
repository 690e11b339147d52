"""No folder of the app has more modules than a reader takes in at a glance; tests lie in the rooms of their page."""

from __future__ import annotations

import re
from collections import Counter

from tests.fixtures.servers import ROOT

MOST_MODULES = 12
#: Written by Django.
MIGRATIONS = "migrations"
#: What all rooms use.
BESIDE_THE_ROOMS = {"fixtures", "stand_ins"}
#: First column of a table of `tests/README.md`: one or several in code marks.
NAMED = re.compile(r"`([a-z_/]+)`")


def test_no_folder_of_the_app_has_more_than_12_modules() -> None:
    modules = [path for path in (ROOT / "invalidation").rglob("*.py") if path.stem != "__init__"]
    counts = Counter(str(path.parent.relative_to(ROOT)) for path in modules if path.parent.name != MIGRATIONS)
    assert counts
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}


def test_the_tests_lie_in_the_rooms_that_their_page_explains_and_nowhere_else() -> None:
    page = (ROOT / "tests/README.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in NAMED.findall(row)}
    rooms = {name for name in named if "/" not in name}
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(rooms) == 8
    assert {folder.parts[0] for folder in folders} | BESIDE_THE_ROOMS == {
        path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and any(path.rglob("*.py"))
    }
    assert rooms == {folder.parts[0] for folder in folders}
    assert {name for name in named if not (ROOT / "tests" / name).is_dir()} == set()
    assert {
        "/".join(folder.parts[:2]) for folder in folders if str(folder.parts[0]) in {"unit", "integration"}
    } <= named
