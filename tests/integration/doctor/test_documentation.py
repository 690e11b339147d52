"""The how-to names every fault as the doctor does."""

from __future__ import annotations

from pathlib import Path

import pytest

from invalidation.doctor import Fault

GUIDE = Path(__file__).resolve().parents[3] / "docs/how-to/find-a-misconfiguration.md"


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_is_documented_with_its_words_and_remedy(fault: Fault) -> None:
    assert f"| `{fault.code}` | {fault.words} | {fault.remedy} |" in GUIDE.read_text()
