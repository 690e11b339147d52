"""The pictures of the admin are those that its script takes, small, and each is shown with words for the blind."""

from __future__ import annotations

import re
from collections import Counter

from django.contrib import admin
from django.urls import resolve

from tests.adoption.documentation.commands import DOCUMENTS
from tests.browser import pictures

SCENES = (pictures.EMPTY, pictures.WAITING, pictures.WELL, pictures.BURNING, pictures.DEAD, pictures.UNCOUNTED)
SHOTS = [shot for scene in SCENES for shot in scene]
#: Pages of Django's own that say nothing of ours, and what is sent by a button alone.
NO_PAGES = re.compile(r"_(history|delete|replay)$|^invalidation_[a-z]+_add$")
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


def test_every_page_of_the_admin_has_a_picture() -> None:
    ours = [own for model, own in admin.site._registry.items() if model._meta.app_label.startswith("invalidation")]
    names = {pattern.name for own in ours for pattern in own.get_urls() if pattern.name}
    names.add("blog_post_purges")  # of a model whose admin is mixed in
    taken: set[str | None] = {
        resolve(f"/admin/{shot.path.partition('?')[0]}").url_name for shot in SHOTS if not shot.flower
    }
    taken |= {shot.leads_to for shot in SHOTS}
    assert {name for name in names if not NO_PAGES.search(name)} - taken == set()
