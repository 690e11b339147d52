"""CONTRIBUTING names the file to open for ten tasks, and each exists; so do the commands that an issue asks for."""

from __future__ import annotations

import re

import pytest
from django.core.management import get_commands

from tests.adoption.documentation.commands import ROOT

TASK = re.compile(r"^\| (\w[^|]+) \| (`[^|]+) \| (`[^|]+) \|$", re.MULTILINE)
FILE = re.compile(r"`([^`]+/[^`]+)`")


def tasks() -> list[tuple[str, list[str]]]:
    """Each with the files that it names."""
    rows = TASK.findall((ROOT / "CONTRIBUTING.md").read_text())
    return [(task, FILE.findall(places + tests)) for task, places, tests in rows]


def test_there_are_ten_tasks_each_with_a_file_and_a_test() -> None:
    assert len(tasks()) >= 10
    assert [task for task, files in tasks() if len(files) < 2] == []


@pytest.mark.parametrize(("task", "files"), tasks(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_files_to_open_exist(task: str, files: list[str]) -> None:
    assert [file for file in files if not (ROOT / file).is_file()] == [], task


def test_an_issue_asks_for_the_output_of_commands_that_exist() -> None:
    templates = "".join(path.read_text() for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
    asked = set(re.findall(r"manage\.py (\w+)", templates))
    assert asked
    assert asked <= set(get_commands())


def test_the_newest_changes_are_unreleased_or_those_of_this_version() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    newest = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert version
    assert newest
    assert newest[1] == "Unreleased" or newest[1].startswith(version[1])
