"""The 17 operations of an editor that the how-to lists, each on a Wagtail site behind a real Varnish."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.fixtures.servers import ROOT

HOW_TO = ROOT / "docs/how-to/wagtail.md"
OPERATION = re.compile(r"^\| (\d+) \|", re.MULTILINE)
PASSED = re.compile(r"::test_(\d+)_\S+ PASSED")
FAILED = re.compile(r"::test_\S+ (?:FAILED|ERROR)")
TESTS = "tests/wagtail/editor"


@pytest.mark.takes(60)
@pytest.mark.timeout(600)  # a busy machine; alone it takes less than a minute
def test_all_17_of_17_leave_nothing_stale() -> None:
    """In a process of their own: Wagtail's apps would change what all other tests of this one see."""
    command = [sys.executable, "-m", "pytest", "-v", "--ds=tests.wagtail.magazine.settings", "-p", "no:xdist", TESTS]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "DJANGO"))}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert not FAILED.findall(done.stdout)
    passed = set(PASSED.findall(done.stdout))
    print(f"Wagtail: {len(passed)} of 17")  # noqa: T201
    assert passed == {str(number) for number in range(1, 18)}
    assert passed == set(OPERATION.findall(HOW_TO.read_text()))
