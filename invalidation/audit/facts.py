"""What an audit judges, as frozen values: whatever was read, and nothing of where from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
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
    """A statement that changed rows of a registered model and has committed."""

    transaction: int
    at: datetime
    table: str
    verb: str
    rows: int
    """How many it changed; the tags of some may not be known."""

    covered_by: Collection[frozenset[str]]
    """For each row that is known: tags of which every event that tells of it names one or more."""

    query: str
    """Its text without values."""

    application: str
    user: str
    example: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event, as the database saw it being stored."""

    transaction: int
    at: datetime
    tags: frozenset[str] = field(default=frozenset())
    everything: bool = False
