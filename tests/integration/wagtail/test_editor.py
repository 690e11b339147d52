"""The 17 operations of an editor that the how-to lists, each on a Wagtail site behind a real Varnish."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fixtures.servers import ROOT
from tests.fixtures.wheel import outcome_from

HOW_TO = ROOT / "docs/how-to/wagtail.md"
OPERATION = re.compile(r"^\| (\d+) \|", re.MULTILINE)
PASSED = re.compile(r"::test_(\d+)_\S+ PASSED")
FAILED = re.compile(r"::test_\S+ (?:FAILED|ERROR)")
TESTS = "tests/integration/wagtail/editor"


@pytest.mark.takes(60)
@pytest.mark.timeout(600)  # a busy machine; alone it takes less than a minute
def test_all_17_of_17_leave_nothing_stale_with_the_built_wheel(unpacked: Path) -> None:
    """In a process of their own: Wagtail's apps would change what all other tests of this one see."""
    said = outcome_from(unpacked, "--ds=tests.integration.wagtail.magazine.settings", TESTS)
    assert not FAILED.findall(said)
    passed = set(PASSED.findall(said))
    print(f"Wagtail: {len(passed)} of 17")  # noqa: T201
    assert passed == {str(number) for number in range(1, 18)}
    assert passed == set(OPERATION.findall(HOW_TO.read_text()))
