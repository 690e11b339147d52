"""Tag headers: each configured product reads its own name and separator, and keeps only so much."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from django.http import HttpResponseBase

from invalidation import conf
from invalidation.conf.changes import when_changed
from invalidation.providers.base import Provider
from invalidation.providers.registry import provider
from invalidation.targets.values import is_tag

#: RFC 9875: a structured list of strings. What every implementation keeps: 32 groups of 32 characters.
GROUPS = "cache-groups"
GROUPS_PER_RESPONSE, GROUP_CHARACTERS = 32, 32
#: Headers in which a page may name tags itself, whichever products are configured.
NAMES = ("Cache-Tag", "Surrogate-Key", "xkey", "Cache-Groups")
SEPARATORS = re.compile(r'[,\s"]+')


@dataclass(frozen=True, slots=True)
class TagHeader:
    """One header, within the limits of every product that reads it."""

    name: str
    separator: str
    max_bytes: int
    max_tags: int

    def value(self, tags: Sequence[str]) -> str:
        """The header's value; the tag alphabet needs no escaping."""
        if self.name.lower() == GROUPS:
            return ", ".join(f'"{tag}"' for tag in tags)
        return self.separator.join(tags)

    def fits(self, tags: Sequence[str]) -> bool:
        """Does every product that reads it keep all of them?"""
        if self.name.lower() == GROUPS and any(len(tag) > GROUP_CHARACTERS for tag in tags):
            return False
        return len(tags) <= self.max_tags and len(self.value(tags)) <= self.max_bytes


@cache
def formats() -> tuple[TagHeader, ...]:
    """The headers that some configured tier reads."""
    products = [provider(tier.name, tier.nodes[0]) for tier in conf.settings().tiers.values()]
    reading = sorted((product for product in products if product.tag_header), key=_name)
    return tuple(_combined(list(group)) for _, group in groupby(reading, key=_name))


def _name(product: Provider) -> str:
    return product.tag_header.lower()


def _combined(products: Sequence[Provider]) -> TagHeader:
    """Cloudflare and CloudFront read the same header, and keep different amounts of it."""
    first = products[0]
    most = min(product.max_tags_per_response for product in products)
    return TagHeader(
        first.tag_header,
        first.tag_separator,
        min(product.max_tag_header_bytes for product in products),
        min(most, GROUPS_PER_RESPONSE) if _name(first) == GROUPS else most,
    )


def own_tags(response: HttpResponseBase) -> frozenset[str]:
    """Tags that the page has named itself, in any product's header; by these too it can be purged."""
    written = (tag for name in NAMES if name in response.headers for tag in SEPARATORS.split(response.headers[name]))
    return frozenset(filter(is_tag, written))


def _foreign(response: HttpResponseBase, header: TagHeader) -> list[str]:
    """What the page wrote to this header and is no tag of ours: whoever wrote it may purge by it."""
    groups = header.name.lower() == GROUPS
    written = (
        SEPARATORS.split(response.headers.get(header.name, ""))
        if groups or header.separator.isspace()
        else (response.headers.get(header.name, "").split(header.separator))
    )
    return [tag for one in written if (tag := one.strip()) and not is_tag(tag)]


def set_tag_headers(response: HttpResponseBase, tags: Iterable[str]) -> bool:
    """Write the tags for every product, beside those that the page wrote itself; False, where they don't fit one (F26).

    A product silently drops what is over its limit, and with it the page's way to be purged.
    """
    ordered = sorted(tags)
    tagged = [(header, ordered + _foreign(response, header)) for header in formats()]
    if not all(header.fits(named) for header, named in tagged):
        return False
    for header, named in tagged:
        if named:
            response.headers[header.name] = header.value(named)
    return True


@when_changed("INVALIDATION")
def _forget() -> None:
    formats.cache_clear()
