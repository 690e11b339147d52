"""Under load nothing is stale once its batch is complete; a naive purge leaves pages stale, and the checker sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chain.checked.judge import Read, Write, judge
from tests.chain.checker import broken

pytestmark = pytest.mark.takes(75)

ON_THEIR_WAY = {"stale_after_done", "old_sequence_after_done"}
ROOT = Path(__file__).resolve().parents[3]
WRITES = [
    Write(post=1, version=2, committed_at=10, sequence=100, done_at=11, rebounded_at=14),
    Write(post=1, version=3, committed_at=20, sequence=200, done_at=21, rebounded_at=None),
]


def check(*arguments: str) -> dict[str, Any]:
    """The checker's report."""
    command = [sys.executable, "-m", "tests.chain.checker", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=330, check=False)
    assert ended.stdout, ended.stderr
    report: dict[str, Any] = json.loads(ended.stdout)
    assert report["reads"] > 0
    assert report["writes"] > 0
    assert set(report["answered_from_the_store_of"]) == {"edge", "nginx", "varnish", "gunicorn"}
    return report


@pytest.mark.timeout(340)
def test_nothing_is_stale_once_its_batch_is_complete() -> None:
    """Like the command, but for an answer that is on its way for longer than the second purge waits.

    On a machine without a free processor that happens (README, "Honest limits"). Such an answer left before its batch
    was stamped, so that its sequence says how old it is, and is gone with the rebound: both are demanded.
    """
    report = check("--seconds", "10", "--reads", "8000")
    assert set(broken(report)) <= ON_THEIR_WAY, json.dumps(report, indent=2)
    assert report["rebounds"] > 0


@pytest.mark.timeout(340)
def test_the_checker_sees_the_staleness_of_a_naive_purge() -> None:
    assert check("--seconds", "4", "--reads", "5000", "--naive")["stale_after_done"] > 0


def test_a_read_of_an_old_version_counts_as_stale_only_after_the_purge() -> None:
    before, after = Read(20.5, 1, 2, 100), Read(21.5, 1, 2, 100)
    assert judge([before], WRITES).stale_after_done == 0
    assert judge([before], WRITES).longest_stale_milliseconds == 500
    assert judge([after], WRITES).stale_after_done == 1


def test_the_sequence_of_an_answer_tells_its_age_even_if_its_content_looks_new() -> None:
    verdict = judge([Read(21.5, 1, 3, 150)], WRITES)
    assert (verdict.stale_after_done, verdict.old_sequence_after_done) == (0, 1)


def test_content_that_is_older_than_its_sequence_promises_is_told_apart() -> None:
    verdict = judge([Read(21.5, 1, 2, 250)], WRITES)
    assert (verdict.stale_after_done, verdict.content_older_than_sequence) == (1, 1)


def test_a_read_after_the_rebound_is_counted_apart() -> None:
    assert judge([Read(14.5, 1, 1, 50)], WRITES).stale_after_rebound == 1
    assert judge([Read(13.5, 1, 1, 50)], WRITES).stale_after_rebound == 0


def test_a_current_answer_is_not_stale() -> None:
    verdict = judge([Read(25, 1, 3, 200), Read(5, 1, 1, 0), Read(25, 2, 1, 0)], WRITES)
    assert (verdict.reads, verdict.stale_before_done, verdict.stale_after_done) == (3, 0, 0)
