"""The provider seam: one class per cache product, verbs that return a Reply or raise."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

from invalidation.exceptions import UnsupportedOperation
from invalidation.providers.answers.boundary import guard
from invalidation.providers.answers.reply import Probe, Reply
from invalidation.providers.answers.secrets import Secrets
from invalidation.targets.values import CacheKey


@dataclass(frozen=True, slots=True)
class Rate:
    """One quota of a vendor's account: a bucket of tokens that every worker draws from before it calls."""

    bucket: str
    """Names the account and the quota, such as `cloudflare:<zone id>:purges`; never a secret."""

    tokens_per_second: float
    burst: float
    """Most tokens that an idle account saves up."""

    per_call: Mapping[str, float] = field(default_factory=dict)
    """Verb → tokens that one call takes; a verb that is named nowhere is free."""

    per_item: Mapping[str, float] = field(default_factory=dict)
    """Verb → tokens that each URL, tag or prefix of a call takes."""

    def cost(self, verb: str, items: int) -> float:
        """Tokens for one call with so many items."""
        return self.per_call.get(verb, 0.0) + items * self.per_item.get(verb, 0.0)


class Provider(abc.ABC):
    """Invalidates cached copies held by one node of one product.

    A verb makes one call within the limits below, and returns a Reply or raises a DeliveryError. It never
    retries, sleeps, logs, cuts lists or reads settings: the pipeline does. Abilities and limits are class attributes,
    which an instance may narrow where they depend on its options.
    """

    holds_responses: ClassVar[bool] = True
    """Does it hold HTTP responses (by URL) rather than application values (by key)?"""

    supports_tags: bool = False
    """Can it purge by tag? If not, the tag index names the URLs."""

    supports_prefixes: bool = False
    """Can it purge everything below a URL? If not, the tag index names the URLs."""

    supports_everything: bool = False
    """Can it empty itself in one call? If not, the tag index names the URLs."""

    supports_soft: ClassVar[bool] = False
    """Takes it the option SOFT, set for the mode `invalidate`, by which URLs and tags are marked stale, not removed?"""

    supports_fetch: bool = False
    """Can this very node be asked for a page?"""

    variants: Sequence[Mapping[str, str]] = (MappingProxyType({}),)
    """What visitors say besides to be shown each variant of a page that it files apart and purges one by one."""

    counts_copies: ClassVar[bool] = False
    """Does it tell how many copies a purge by URL removed?"""

    propagation_seconds: ClassVar[float] = 0.0
    """How much longer than its confirmation a purge may take."""

    tag_header: str = ""
    """Response header that carries the tags to this product; "" where it reads none."""

    tag_separator: str = " "
    """What stands between two tags in that header."""

    max_tag_header_bytes: int = 7_500
    """Longest header that it keeps whole; a page with more is not cached at all."""

    max_tags_per_response: int = 10_000
    """Most tags that it keeps of one page; a page with more is not cached at all."""

    max_urls_per_call: int = 1
    """Largest list `purge_urls` may be handed."""

    max_tags_per_call: int = 1
    """Largest list `purge_tags` may be handed."""

    max_tag_bytes_per_call: int = 1_000_000
    """Longest joined tag list, for products that take tags in a header."""

    max_prefixes_per_call: int = 1
    """Largest list `purge_prefixes` may be handed."""

    max_keys_per_call: int = 1000
    """Largest list `purge_keys` may be handed."""

    requests_per_item: Mapping[str, int] = MappingProxyType({})
    """Verb → requests that each item of a call is; a verb that is named nowhere makes one of all."""

    costs_money: ClassVar[bool] = False
    """Is a call paid for? Then progress is stored after each one, so that none is repeated."""

    poll_seconds: ClassVar[float] = 5.0
    """Pause between two questions after an accepted job."""

    jobs_at_once: bool = False
    """May further calls be made while the jobs of earlier ones run?"""

    needs_reference: ClassVar[bool] = False
    """Do its verbs take a `reference`, by which the vendor recognises a call that it was sent before?"""

    price_per_item_usd: float = 0.0
    """What one item of a call costs at most, in US dollars."""

    def __init__(self, tier: str, node: str, options: Mapping[str, Any]) -> None:
        """`node` is the base URL of this node, or "" for a product that has none.

        Raises:
            ImproperlyConfigured: an option is missing or unknown; the message names it.
        """
        self.tier = tier
        self.node = node
        self.options = options

    def __init_subclass__(cls, **named: Any) -> None:
        """What the verbs of every provider tell passes through the boundary: no secret gets any further."""
        super().__init_subclass__(**named)
        guard(cls)

    @cached_property
    def secrets(self) -> Secrets:
        """Those among the options, to be taken out of what the cache says."""
        return Secrets(getattr(self, "options", {}))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.tier} {self.node}>"

    def rates(self) -> Sequence[Rate]:
        """Quotas of the account behind these options; shared by every node and worker that names the same bucket."""
        return ()

    def learn(self) -> None:
        """Narrow abilities and limits to what only the product itself can tell; asked before each attempt.

        Raises:
            DeliveryError: it must be asked, and can't be.
        """
        return

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

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Probe:
        """Ask this node for an absolute URL, as a visitor without cookies would; fills it where it has no copy.

        `headers` are what the visitor says besides, such as a language.
        """
        raise UnsupportedOperation(f"{self!r} can't be asked for pages")

    def poll(self, external_id: str) -> Reply:
        """Ask how an accepted job stands; `accepted` in the reply means still running."""
        raise UnsupportedOperation(f"{self!r} has no jobs to follow")
