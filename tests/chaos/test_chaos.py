"""The fault injection in short: every promise holds while everything is killed, frozen and emptied."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.faults import KILLS, STAND_INS, WRITERS, faults
from tests.chaos.recorder import Record, purged

pytestmark = pytest.mark.takes(70)

ROOT = Path(__file__).resolve().parents[2]

SERVERS = ("redis", "postgres", "web", "beat", "varnish", "nginx", "worker-threads", "worker-processes")


def chaos(*arguments: str) -> subprocess.CompletedProcess[str]:
    short = ["--frozen-seconds", "3", "--frozen-times", "1", "--hostile-seconds", "0"]
    command = [sys.executable, "-m", "tests.chaos", *short, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_same_seed_gives_the_same_faults() -> None:
    assert list(faults(7, 600, SERVERS)) == list(faults(7, 600, SERVERS))
    assert list(faults(7, 600, SERVERS)) != list(faults(8, 600, SERVERS))


def test_ten_minutes_hold_more_than_two_hundred_kills() -> None:
    everything = [*SERVERS, *WRITERS, *STAND_INS]
    assert sum(fault.act in KILLS for fault in faults(1, 600, everything)) > 220


def test_a_url_counts_as_purged_with_its_folder_or_with_everything_but_not_before_its_change() -> None:
    record = Record(last_at={"url http://a/b/": 1.0}, prefixes={"http://a/c/": 5.0, "": 3.0})
    assert record.covers("url http://a/c/d/", 4.0)
    assert not record.covers("url http://a/c/d/", 6.0)
    assert not record.covers("url http://a/b/", 4.0)
    assert record.covers("tag a", 3.0)
    assert not record.covers("tag a", 4.0)


def test_a_stand_in_tells_bans_from_purges() -> None:
    place = {"host": "a", "x-forwarded-proto": "http"}
    assert list(purged("PURGE", "/", {**place, "x-ban-prefix": "/c/"})) == ["prefix http://a/c/"]
    assert list(purged("PURGE", "/", {**place, "x-ban-everything": "1"})) == ["prefix "]
    assert list(purged("PURGE", "/c/", place)) == ["url http://a/c/"]


@pytest.mark.timeout(420)
def test_no_committed_change_is_lost_and_nothing_rolled_back_is_purged() -> None:
    run = chaos("--seconds", "15", "--writes-per-second", "30")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "every promise held" in run.stdout


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_a_takedown_behind_hostile_nodes_is_purged_everywhere_else_within_two_seconds() -> None:
    run = chaos("--seconds", "10", "--hostile-seconds", "20")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "160 behind hostile nodes" in run.stdout


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_the_naive_emitter_loses_changes() -> None:
    run = chaos("--seconds", "60", "--emitter", "naive")
    assert run.returncode == 1, run.stdout + run.stderr
    assert "purges of committed changes lost" in run.stdout
