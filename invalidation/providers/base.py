"""The provider seam: one class per cache product, verbs that return a Reply or raise."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from invalidation.exceptions import UnsupportedOperation
from invalidation.values import CacheKey


@dataclass(frozen=True, slots=True)
class Reply:
    """What one call achieved, by the cache's own word."""

    removed: int | None = None
    """Objects removed, where the cache counts them."""

    accepted: bool = False
    """True: a job was accepted and is still running; `poll` with `external_id` tells its end."""

    external_id: str = ""
    """The vendor's name for the call."""

    raw: str = ""
    """The vendor's own words, shortened, without secrets."""


class Provider(abc.ABC):
    """Invalidates cached copies held by one node of one product.

    A verb makes one call within the limits below, and returns a Reply or raises a DeliveryError. It never
    retries, sleeps, logs, cuts lists or reads settings: the pipeline does.
    """

    holds_responses: ClassVar[bool] = True
    """Does it hold HTTP responses (by URL) rather than application values (by key)?"""

    supports_tags: ClassVar[bool] = False
    """Can it purge by tag? If not, the tag index names the URLs."""

    supports_prefixes: ClassVar[bool] = False
    """Can it purge everything below a URL? If not, the tag index names the URLs."""

    supports_everything: ClassVar[bool] = False
    """Can it empty itself in one call? If not, the tag index names the URLs."""

    tag_header: ClassVar[str] = ""
    """Response header that carries the tags to this product; "" where it reads none."""

    tag_separator: ClassVar[str] = " "
    """What stands between two tags in that header."""

    max_tag_header_bytes: ClassVar[int] = 7_500
    """Longest header that it keeps whole; a page with more is not cached at all."""

    max_urls_per_call: ClassVar[int] = 1
    """Largest list `purge_urls` may be handed."""

    max_tags_per_call: ClassVar[int] = 1
    """Largest list `purge_tags` may be handed."""

    max_tag_bytes_per_call: ClassVar[int] = 1_000_000
    """Longest joined tag list, for products that take tags in a header."""

    max_prefixes_per_call: ClassVar[int] = 1
    """Largest list `purge_prefixes` may be handed."""

    max_keys_per_call: ClassVar[int] = 1000
    """Largest list `purge_keys` may be handed."""

    def __init__(self, tier: str, node: str, options: Mapping[str, Any]) -> None:
        """`node` is the base URL of this node, or "" for a product that has none.

        Raises:
            ImproperlyConfigured: an option is missing or unknown; the message names it.
        """
        self.tier = tier
        self.node = node
        self.options = options

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.tier} {self.node}>"

    @abc.abstractmethod
    def purge_urls(self, urls: Sequence[str]) -> Reply:
        """Remove the copies of these absolute URLs, every variant included."""

    def purge_tags(self, tags: Sequence[str]) -> Reply:
        """Remove every copy that carries one of these tags."""
        raise UnsupportedOperation(f"{self!r} has no purge by tag")

    def purge_prefixes(self, prefixes: Sequence[str]) -> Reply:
        """Remove every copy whose absolute URL starts with one of these prefixes."""
        raise UnsupportedOperation(f"{self!r} has no purge by prefix")

    def purge_keys(self, keys: Sequence[CacheKey]) -> Reply:
        """Remove these application cache entries."""
        raise UnsupportedOperation(f"{self!r} holds no keys")

    def purge_everything(self) -> Reply:
        """Remove every copy."""
        raise UnsupportedOperation(f"{self!r} can't be emptied")

    def poll(self, external_id: str) -> Reply:
        """Ask how an accepted job stands; `accepted` in the reply means still running."""
        raise UnsupportedOperation(f"{self!r} has no jobs to follow")
