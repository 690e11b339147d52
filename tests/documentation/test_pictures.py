"""The pictures of the admin are those that its script takes, small, and each is shown with words for the blind."""

from __future__ import annotations

import re
from collections import Counter

from tests.browser import pictures
from tests.documentation.commands import DOCUMENTS

SHOTS = [*pictures.EMPTY, *pictures.WAITING, *pictures.WELL, *pictures.BURNING, *pictures.DEAD]
SHOWN = re.compile(r"!\[([^\]]+)\]\([./a-z]*images/([a-z-]+)\.png\)", re.DOTALL)


def test_every_picture_is_taken_by_the_script_and_no_other_is_there() -> None:
    taken = sorted(path.stem for path in pictures.FOLDER.glob("*.png"))
    assert taken == sorted(shot.name for shot in SHOTS), "run python -m tests.browser.pictures"


def test_every_picture_is_small() -> None:
    sizes = {path.name: path.stat().st_size for path in pictures.FOLDER.glob("*.png")}
    assert {name: size for name, size in sizes.items() if size > pictures.MOST_BYTES} == {}


def test_every_picture_is_shown_once_with_words_for_who_does_not_see_it() -> None:
    shown = Counter(name for document in DOCUMENTS for _, name in SHOWN.findall(document.read_text()))
    assert shown == Counter(shot.name for shot in SHOTS)
