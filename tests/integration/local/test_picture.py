"""The pictures of the documents are small, fetch nothing, and the demo's shows what the demo showed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.local import picture
from deploy.local.measure import Row
from tests.fixtures.servers import ROOT

MOST_BYTES = 200_000
PICTURES = sorted((ROOT / "docs/images").glob("*.svg"))
#: What a browser would fetch; names of XML's vocabularies are none of it.
FETCHED = re.compile(r"url\(\"?http|href=\"http|src=\"http|@import|<script|@font-face")


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_small_and_fetches_nothing(path: Path) -> None:
    assert path.stat().st_size < MOST_BYTES
    assert not FETCHED.search(path.read_text())


def test_the_demo_s_picture_shows_the_chosen_steps_each_named_once(tmp_path: Path) -> None:
    tiers = ("cache", "varnish")
    rows = [Row(step, tier, "HIT", 12.0, 34.0) for step in ("publish", *picture.SHOWN) for tier in tiers]
    picture.draw(rows, "Every step held.", tmp_path / "demo.svg")
    drawn = (tmp_path / "demo.svg").read_text().replace("&#160;", " ")
    assert not FETCHED.search(drawn)
    assert "Every step held." in drawn
    words = "".join(re.findall(r">([^<]*)</text>", drawn)).replace("\xa0", " ")
    assert [words.count(f"│{step}") for step in ("publish", *picture.SHOWN)] == [0, 1, 1, 1]
    assert drawn.count("34 ms") == len(picture.SHOWN) * len(tiers)
