"""A folder of the app holds no more modules than a reader takes in at a glance."""

from __future__ import annotations

from collections import Counter

from tests.fixtures.servers import ROOT

MOST_MODULES = 12
#: Written by Django.
MIGRATIONS = "migrations"


def test_no_folder_of_the_app_has_more_than_12_modules() -> None:
    modules = [path for path in (ROOT / "invalidation").rglob("*.py") if path.stem != "__init__"]
    counts = Counter(str(path.parent.relative_to(ROOT)) for path in modules if path.parent.name != MIGRATIONS)
    assert counts
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}
