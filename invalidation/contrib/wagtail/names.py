"""Tags for what a page shows besides rows: the children of a page, its name, its translations, the menu. Pure.

Where a page stands is told by its `url_path`, which a row knows of itself and of all pages above it. It changes only
with the address, so a cached page never carries the tag of a place that it has left.
"""

from __future__ import annotations

import hashlib
from typing import Any

#: Of every page: titles and order of the pages in the menus.
MENU = "wagtail.menu"


def children_tag(url_path: str) -> str:
    """Carried by the page there, which may list its children; stale when one of them is changed."""
    return f"wagtail.children:{_digest(url_path)}"


def name_tag(url_path: str) -> str:
    """Carried by the pages below the one there; stale when its title, address or visibility is changed."""
    return f"wagtail.name:{_digest(url_path)}"


def translations_tag(translation_key: Any) -> str:
    """Carried by a page and its translations; stale when one of them appears, vanishes or is renamed."""
    return f"wagtail.translations:{translation_key}"


def above(url_path: str) -> list[str]:
    """Places of the pages above the one there, the root of the tree first; none above that."""
    parts = url_path.strip("/").split("/") if url_path.strip("/") else []
    return ["/".join(["", *parts[:depth], ""]) for depth in range(len(parts))]


def _digest(url_path: str) -> str:
    """A slug may hold letters that a tag can't; two places of one digest only purge each other."""
    return hashlib.blake2s(url_path.encode(), digest_size=8).hexdigest()
