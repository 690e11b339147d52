"""From an empty folder to the first proved purge of a real Varnish, by the tutorial's own blocks."""

from __future__ import annotations

import time

import pytest

from tests.adoption.follower import Follower
from tests.fixtures.servers import ROOT

#: What the page promises, with downloads and somebody who types.
PROMISED_SECONDS = 600


@pytest.mark.timeout(900)  # a busy machine; alone it takes less than a minute
def test_the_tutorial_leads_to_a_proved_purge(follower: Follower) -> None:
    began = time.monotonic()
    follower.follow(ROOT / "docs/tutorial.md")
    took = time.monotonic() - began
    print(f"From an empty folder to the first proved purge: {took:.0f} s.")  # noqa: T201
    assert took < PROMISED_SECONDS
