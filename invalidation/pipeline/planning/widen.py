"""Widening: fewer and wider calls, where the backlog or a limit asks for them and the product can make them. Pure."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

from invalidation.models import Widening
from invalidation.pipeline.planning.plan import Product
from invalidation.targets.values import Targets

#: Fewer URLs of one folder than this are purged one by one.
FOLDER_URLS = 10


def allows(widening: str, level: Widening) -> bool:
    """Does `widening` reach as far as `level`? What another version stored as a level reaches nowhere."""
    ranks = Widening.values
    return widening in ranks and ranks.index(widening) >= ranks.index(level)


def widen(
    targets: Targets, provider: Product, widening: str, *, why: str = "backlog"
) -> tuple[Targets, tuple[str, ...]]:
    """Targets that cover `targets`, and what was decided; `why` begins each decision.

    A URL is never left to a tag of the batch, though the tag index may know that its page carries it: a node's copy
    may be from a time when it did not. Application caches are never widened: their keys go a thousand a call, and an
    emptied cache is a stampede.
    """
    if not provider.holds_responses or targets.everything:
        return targets, ()
    if allows(widening, Widening.EVERYTHING) and provider.supports_everything:
        return Targets(everything=True), (f"{why}: {len(targets)} targets widened to everything",)
    if allows(widening, Widening.PREFIXES) and provider.supports_prefixes:
        return _folders(targets, why)
    return targets, ()


def _folders(targets: Targets, why: str) -> tuple[Targets, tuple[str, ...]]:
    counted = Counter(map(folder, targets.urls))
    wide = {prefix for prefix, urls in counted.items() if prefix and urls >= FOLDER_URLS}
    if not wide:
        return targets, ()
    urls = frozenset(url for url in targets.urls if folder(url) not in wide)
    decision = f"{why}: {len(targets.urls) - len(urls)} URLs widened to {len(wide)} prefixes"
    return Targets(targets.tags, urls, targets.prefixes | wide, targets.keys), (decision,)


def folder(url: str) -> str:
    """The first folder of a URL or path, `/blog/` for `/blog/a/?page=2`; "" for what lies directly below the root."""
    parts = urlsplit(url)
    first, slash, _ = parts.path.removeprefix("/").partition("/")
    origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return f"{origin}/{first}/" if first and slash else ""
