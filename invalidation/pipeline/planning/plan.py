"""From targets to provider calls, within each provider's capabilities and limits. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from invalidation.exceptions import InvalidTarget
from invalidation.providers.base import Provider
from invalidation.targets.coalesce import outermost, uncovered
from invalidation.targets.sites import expand
from invalidation.targets.values import CacheKey, Targets

#: A class, or an instance whose options narrow its abilities.
Product = Provider | type[Provider]


@dataclass(frozen=True, slots=True)
class Step:
    """One provider call: the verb and what it is handed."""

    verb: str
    items: tuple[Any, ...] = ()

    def document(self) -> dict[str, Any]:
        """JSON form, kept on the delivery so that a later attempt goes on where this one stopped."""
        return {"verb": self.verb, "items": [i.document() if isinstance(i, CacheKey) else i for i in self.items]}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Step:
        """Inverse of `document()`."""
        items = document["items"]
        return cls(document["verb"], tuple(map(CacheKey.of, items) if document["verb"] == "purge_keys" else items))


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the tag index knows: URLs that carry the tags, lie below the prefixes, or are cached at all."""

    urls: frozenset[str] = frozenset()
    decisions: tuple[str, ...] = ()
    """Where more or fewer URLs are named than carry the targets, and why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Calls in order, and what was decided on the way that a person should see."""

    steps: tuple[Step, ...] = ()
    decisions: tuple[str, ...] = field(default=())
    price_usd: float = 0.0
    """What the vendor may charge for it at most, in US dollars."""

    requests: int = 0
    """To the node; one call may make several of them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one plan may take at one node."""

    calls: float = inf
    price_usd: float = inf

    def allow(self, plan: Plan) -> bool:
        """Does the plan stay within both limits?"""
        return plan.requests <= self.calls and plan.price_usd <= self.price_usd


def price_usd(steps: Iterable[Step], provider: Product) -> float:
    """Most that these calls cost; emptying counts as one item."""
    return provider.price_per_item_usd * sum(len(step.items) or 1 for step in steps)


def requests(steps: Iterable[Step], provider: Product) -> int:
    """How many requests these calls make."""
    return sum(len(step.items) * provider.requests_per_item.get(step.verb, 0) or 1 for step in steps)


def concerns(targets: Targets, provider: Product) -> bool:
    """Has this product anything to do with these targets?"""
    if provider.holds_responses:
        return bool(targets.everything or targets.tags or targets.urls or targets.prefixes)
    return bool(targets.everything or targets.tags or targets.keys)


def unresolved(targets: Targets, provider: Product) -> Targets:
    """The part that this product can't do by itself, so that the tag index must name URLs."""
    if not provider.holds_responses:
        return Targets()
    return Targets(
        tags=frozenset() if provider.supports_tags else targets.tags,
        prefixes=frozenset() if provider.supports_prefixes else targets.prefixes,
        everything=targets.everything and not provider.supports_everything,
    )


def plan(targets: Targets, provider: Product, sites: Sequence[str], resolution: Resolution) -> Plan:
    """The fewest calls that remove every copy of `targets` which this product may hold.

    `sites` are those that the tier serves; `resolution` answers `unresolved(targets, provider)`.
    """
    urls, foreign = _expanded(targets.urls, sites)
    prefixes, foreign_prefixes = _expanded(targets.prefixes, sites)
    if targets.everything and provider.supports_everything:
        steps = [Step("purge_everything"), *_chunks("purge_keys", _keys(targets, provider), _by_count(1000))]
        return Plan(tuple(steps), price_usd=price_usd(steps, provider), requests=requests(steps, provider))
    steps = list(_steps(targets, urls | resolution.urls, prefixes, provider))
    decisions = tuple(_decisions(resolution, foreign | foreign_prefixes))
    return Plan(tuple(steps), decisions, price_usd(steps, provider), requests(steps, provider))


def _steps(targets: Targets, urls: frozenset[str], prefixes: frozenset[str], provider: Product) -> Iterator[Step]:
    """Tags, keys, prefixes, then the URLs that no prefix covers."""
    if provider.supports_tags or not provider.holds_responses:
        fits = _by_size(provider.max_tags_per_call, provider.max_tag_bytes_per_call)
        yield from _chunks("purge_tags", sorted(targets.tags), fits)
    yield from _chunks("purge_keys", _keys(targets, provider), _by_count(provider.max_keys_per_call))
    if provider.holds_responses:
        if provider.supports_prefixes:
            prefixes = outermost(prefixes)
            urls = uncovered(urls, prefixes)
            yield from _chunks("purge_prefixes", sorted(prefixes), _by_count(provider.max_prefixes_per_call))
        yield from _chunks("purge_urls", sorted(urls), _by_count(provider.max_urls_per_call))


def _keys(targets: Targets, provider: Product) -> list[CacheKey]:
    return [] if provider.holds_responses else sorted(targets.keys)


def _expanded(urls: Iterable[str], sites: Sequence[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Absolute URLs, and those that no configured site serves."""
    known: set[str] = set()
    foreign: set[str] = set()
    for url in urls:
        try:
            known.update(expand(url, sites))
        except InvalidTarget:
            foreign.add(url)
    return frozenset(known), frozenset(foreign)


def _decisions(resolution: Resolution, foreign: frozenset[str]) -> Iterator[str]:
    if foreign:
        yield f"left out {len(foreign)} URLs on no site of this tier, such as {min(foreign)}"
    yield from resolution.decisions


Fits = Callable[[Sequence[Any], Any], bool]


def _by_count(limit: int) -> Fits:
    return lambda chunk, _: len(chunk) < limit


def _by_size(limit: int, limit_bytes: int) -> Fits:
    """A chunk of at most `limit` strings whose joined length, one separator each, stays within `limit_bytes`."""
    return lambda chunk, item: len(chunk) < limit and sum(map(len, chunk)) + len(chunk) + len(item) <= limit_bytes


def _chunks(verb: str, items: Sequence[Any], fits: Fits) -> Iterator[Step]:
    chunk: list[Any] = []
    for item in items:
        if chunk and not fits(chunk, item):
            yield Step(verb, tuple(chunk))
            chunk = []
        chunk.append(item)
    if chunk:
        yield Step(verb, tuple(chunk))


#: What a step may ask for.
VERBS = frozenset({"purge_tags", "purge_keys", "purge_prefixes", "purge_urls", "purge_everything"})


def check_steps(documents: Any) -> None:
    """Make sure that stored steps are steps: another program, or another version of this one, may have written them.

    Raises:
        InvalidTarget: they are not.
    """
    if not isinstance(documents, list) or not all(map(_is_step, documents)):
        raise InvalidTarget("the calls that are left are none; a replay plans them anew.")
    for document in documents:
        if document["verb"] == "purge_keys":
            Step.from_document(document)


def _is_step(document: Any) -> bool:
    """A known verb, items that it could be handed, and at most the name of a job."""
    verb = document.get("verb") if isinstance(document, dict) else None
    if not isinstance(verb, str) or verb not in VERBS:
        return False
    items, keys = document.get("items"), verb == "purge_keys"
    fits = isinstance(items, list) and (keys or all(isinstance(item, str) for item in items))
    return fits and isinstance(document.get("job", ""), str)


def merged(steps: Iterable[Step], provider: Product) -> list[Step]:
    """The same purges in as few calls as the product takes, none of them twice."""
    items: dict[str, dict[Any, None]] = {}
    for step in steps:
        items.setdefault(step.verb, {}).update(dict.fromkeys(step.items))
    return [step for verb, wanted in items.items() for step in _cut(verb, list(wanted), provider)]


def _cut(verb: str, items: Sequence[Any], provider: Product) -> Iterator[Step]:
    fits = {
        "purge_urls": _by_count(provider.max_urls_per_call),
        "purge_prefixes": _by_count(provider.max_prefixes_per_call),
        "purge_keys": _by_count(provider.max_keys_per_call),
        "purge_tags": _by_size(provider.max_tags_per_call, provider.max_tag_bytes_per_call),
    }
    return _chunks(verb, items, fits[verb]) if items else iter([Step(verb)])
