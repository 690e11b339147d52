"""Widening: fewer and wider calls, where the backlog or a limit asks for them and the product can make them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from invalidation.exceptions import InvalidTarget
from invalidation.models import Widening
from invalidation.pipeline.planning.plan import Product
from invalidation.targets.sites import expand
from invalidation.targets.values import Targets

#: Fewer URLs of one folder than this are purged one by one.
FOLDER_URLS = 10


def allows(widening: str, level: Widening) -> bool:
    """Does `widening` reach as far as `level`?"""
    ranks = Widening.values
    return ranks.index(widening) >= ranks.index(level)


def wants_tagged(targets: Targets, provider: Product, widening: str) -> bool:
    """Is it worth asking the tag index which URLs carry the batch's tags?"""
    by_tag = provider.holds_responses and provider.supports_tags and bool(targets.tags and targets.urls)
    return by_tag and allows(widening, Widening.TAGS)


def widen(
    targets: Targets,
    provider: Product,
    widening: str,
    *,
    sites: Sequence[str] = (),
    tagged: Collection[str] = (),
    why: str = "backlog",
) -> tuple[Targets, tuple[str, ...]]:
    """Targets that cover `targets`, and what was decided.

    `tagged` are absolute URLs that are known to carry one of the tags; `why` begins each decision. Application caches
    are never widened: their keys go a thousand a call, and an emptied cache is a stampede.
    """
    if not provider.holds_responses or targets.everything:
        return targets, ()
    if allows(widening, Widening.EVERYTHING) and provider.supports_everything:
        return Targets(everything=True), (f"{why}: {len(targets)} targets widened to everything",)
    decisions: list[str] = []
    if wants_tagged(targets, provider, widening):
        targets = _left_to_tags(targets, sites, tagged, decisions, why)
    if allows(widening, Widening.PREFIXES) and provider.supports_prefixes:
        targets = _folders(targets, decisions, why)
    return targets, tuple(decisions)


def _left_to_tags(
    targets: Targets, sites: Sequence[str], tagged: Collection[str], decisions: list[str], why: str
) -> Targets:
    """Without the URLs that a tag purges anyway."""
    urls = frozenset(url for url in targets.urls if not _known(url, sites, tagged))
    if left := len(targets.urls) - len(urls):
        decisions.append(f"{why}: {left} URLs left to their tags")
    return Targets(targets.tags, urls, targets.prefixes, targets.keys)


def _known(url: str, sites: Sequence[str], tagged: Collection[str]) -> bool:
    """Does the page carry a tag of the batch on every site that its path stands for?"""
    try:
        return all(absolute in tagged for absolute in expand(url, sites))
    except InvalidTarget:
        return False


def _folders(targets: Targets, decisions: list[str], why: str) -> Targets:
    counted = Counter(map(folder, targets.urls))
    wide = {prefix for prefix, urls in counted.items() if prefix and urls >= FOLDER_URLS}
    if not wide:
        return targets
    urls = frozenset(url for url in targets.urls if folder(url) not in wide)
    decisions.append(f"{why}: {len(targets.urls) - len(urls)} URLs widened to {len(wide)} prefixes")
    return Targets(targets.tags, urls, targets.prefixes | wide, targets.keys)


def folder(url: str) -> str:
    """The first folder of a URL or path, `/blog/` for `/blog/a/?page=2`; "" for what lies directly below the root."""
    parts = urlsplit(url)
    first, slash, _ = parts.path.removeprefix("/").partition("/")
    origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return f"{origin}/{first}/" if first and slash else ""
