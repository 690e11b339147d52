"""What an audit judges, as frozen values: whatever was read, and nothing of where from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime


def family(tag: str) -> str:
    """What a tag stands for, without whose: `blog.post` of `blog.post:42`.

    Tags are held against pages by their families: a row that was deleted has no page, nor has one nobody asked for.
    """
    return tag.partition(":")[0]


def with_models(families: Iterable[str]) -> frozenset[str]:
    """The families, and the models whose parts they are: `blog.post` for `blog.post.category_id`."""
    return frozenset(name for one in families for name in _and_above(one))


def _and_above(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Given:
    """A family of tags that rules, or a setting, give."""

    family: str
    owner: str
    """Who gives them, and where that is written: `PostRules.tags at blog/invalidations.py:12`."""

    is_model: bool = False
    """Are they the tags of a registered model, its rows and their parts?"""

    examples: tuple[str, ...] = ()
    """Some whole tags, by which cached values are asked for."""


@dataclass(frozen=True, slots=True)
class Purged:
    """A family of tags that events have named."""

    family: str
    times: int
    newest_at: datetime
    by: str
    """Who named it last, in words."""

    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """An address that visitors may ask for, with what is known of it."""

    url: str
    origin: str
    target: str
    """What follows the origin."""

    route: str | None
    """The pattern of the URL configuration that leads to its view; None where none does."""

    view: str
    """The view, and where that is written."""

    tags: frozenset[str] | None = None
    """None for a page that the tag index doesn't know."""

    listed_by: str = ""
    """The setting or sitemap that names it; empty for one that the tag index knows."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What purges name, as far as rules, settings and history tell."""

    families: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    """Of the registered models: each stands for its parts too."""

    routes: frozenset[str] = frozenset()
    """Of the addresses that are purged: one of a view stands for all of it."""

    urls: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    deployed: tuple[str, ...] = ()
    """Prefixes that are purged by each deployment: enough for a page that shows no data."""

    def has(self, tag: str) -> bool:
        """Does anybody give or purge tags of its family?"""
        own = family(tag)
        return own in self.families or not self.models.isdisjoint(with_models([own]))


@dataclass(frozen=True, slots=True)
class Tier:
    """A cache of pages that can't purge by tag, so that an index must tell it which pages carry one."""

    name: str


@dataclass(frozen=True, slots=True)
class Change:
    """A statement that changed rows of a registered model, and has committed."""

    transaction: tuple[str, int]
    """Its database, and its number there."""

    at: datetime
    table: str
    verb: str
    rows: int
    """How many it changed, as far as they were counted."""

    expected: frozenset[str]
    """Tags that events must name: of the rows that are known and that the public saw or sees."""

    query: str
    """Its text without values."""

    application: str
    role: str
    is_timed: bool = False
    """May the event come at any later time, because an instant that the row names makes it public?"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event, as the database noted it."""

    transaction: tuple[str, int]
    at: datetime
    tags: frozenset[str] = frozenset()
    """Those that changes expect; a model's where it stands for all rows of the model."""

    everything: bool = False
    """Does it name all there is?"""

    is_widened: bool = False
    """Does it stand for whatever its transaction changed?"""

    def covers(self, tag: str) -> bool:
        """Does it name the tag, or what stands for it?"""
        return self.everything or tag in self.tags or family(tag) in self.tags
