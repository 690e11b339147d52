"""The harness itself: what it reads, what it works out, what it prints."""

from __future__ import annotations

import os
import socket
import time

import pytest

from deploy.local.processes import wait_for
from tests.benchmarks.figures import Aim, Figure
from tests.benchmarks.growth import slope
from tests.benchmarks.latency import Lag
from tests.benchmarks.processor import processor_seconds, resident_megabytes
from tests.benchmarks.purge_log import PurgeLog

LINE = b'<190>Nov 24 20:10:00 nginx: 127.0.0.1 - - [24/Nov/2026:20:10:00 +0000] "%s /blog/a/ HTTP/1.1" %d 8 "-" "-"'


def test_an_aim_is_held_against_the_figure_or_against_its_ratio() -> None:
    assert Figure("B", "saves", 3.0, "ms", 2.0, "bare", Aim("≤", 1.6, "ratio")).met is True
    assert Figure("B", "saves", 3.0, "ms", 2.0, "bare", Aim("≤", 1.6)).met is False
    assert Figure("B", "saves", 3.0, "ms").met is None


def test_a_figure_survives_its_way_through_a_document() -> None:
    figure = Figure("B", "saves", 3.0, "ms", 2.0, "bare", Aim("≥", 1))
    document = {"part": "B", "what": "saves", "value": 3.0, "unit": "ms", "baseline": 2.0, "against": "bare"}
    assert Figure.of({**document, "aim": {"holds": "≥", "number": 1, "of": "figure"}}) == figure


@pytest.mark.parametrize(("power", "found"), [(1, 1.0), (2, 2.0)])
def test_a_slope_is_the_power_of_the_growth(power: int, found: float) -> None:
    assert slope({size: float(size**power) for size in (10, 100, 1000)}) == pytest.approx(found)


def test_quantiles_are_of_the_saves_that_were_purged() -> None:
    lag = Lag("ours", 10, 4, [10.0, 20.0, 30.0], 0.0, 10.0, 1.0)
    assert lag.quantile(50) == 20.0
    assert lag.missing == 1


def test_the_log_tells_when_nginx_served_a_purge_and_nothing_else() -> None:
    with PurgeLog() as log, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nginx:
        host, _, port = log.destination.partition("server=")[2].partition(",")[0].partition(":")
        before = time.time_ns()
        for line in (LINE % (b"GET", 200), LINE % (b"PURGE", 403), LINE % (b"PURGE", 404)):
            nginx.sendto(line, (host, int(port)))
        wait_for(lambda: log.first_since("/blog/a/", before), 5, "the purge to be heard")
        assert len(log.times["/blog/a/"]) == 1
        assert log.first_since("/blog/a/", time.time_ns()) is None


def test_a_process_tells_its_processor_time_and_its_memory() -> None:
    assert processor_seconds(os.getpid()) > 0
    assert resident_megabytes() > 1
