"""CONTRIBUTING names the file to open for ten tasks, and each of them exists."""

from __future__ import annotations

import re

import pytest

from tests.documentation.commands import ROOT

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
