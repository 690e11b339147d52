"""The architecture names every file where it is, and every file that one save enters on its way to a purge."""

from __future__ import annotations

import pytest

from deploy.local import Redis, Varnish
from tests.adoption.documentation import architecture
from tests.adoption.documentation.architecture import PAGE, PRODUCT, STAGES

#: Whoever adds one to the way of a save says so here; the aim is 25.
MOST_FILES = 90
#: Made by Django, or no modules of Python.
UNLISTED = ("migrations",)


def test_names_lengths_and_first_lines_are_those_of_the_files() -> None:
    page = PAGE.read_text()
    assert page == architecture.rendered(page, architecture.listed(page)), (
        "run python -m tests.adoption.documentation.architecture"
    )


def test_every_folder_with_modules_belongs_to_one_stage() -> None:
    named = [folder for folders in STAGES.values() for folder in folders]
    folders = {path.parent for path in PRODUCT.rglob("*.py") if path.stem != "__init__"}
    standing = {folder.relative_to(PRODUCT).as_posix() for folder in folders if folder.name not in UNLISTED}
    assert sorted(folder or "." for folder in named) == sorted(standing)


def test_a_save_of_a_post_enters_the_files_that_the_page_lists_before_varnish_has_purged(
    own_redis: Redis, varnish_server: Varnish, database_copy: str, site: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = architecture.followed(own_redis, varnish_server, database_copy, site)
    with capsys.disabled():
        print("", *sides, f"{len(sides)} files", sep="\n")  # noqa: T201 (for whoever brings the number down)
    expected = set(architecture.listed(PAGE.read_text()))
    assert set(sides) == expected, "run python -m tests.adoption.documentation.architecture --follow"
    assert len(sides) <= MOST_FILES
