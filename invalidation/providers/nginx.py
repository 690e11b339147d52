"""Nginx with the site of deploy/nginx: exact keys, one request per URL and variant, and a mark that empties it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured

from invalidation.providers.answers.reply import Probe, Reply
from invalidation.providers.base import Provider
from invalidation.providers.http import Location, Node, failure, fetched
from invalidation.providers.options import header_secret, read_options
from invalidation.providers.wire.request import Request

STATUS_HEADER = "X-Cache-Status"
MARKER_HEADER = "X-Purged-By"
MARKER = "nginx"
PURGED = 200
#: Pipelined in one call, all within TIMEOUT_SECONDS: fifty milliseconds for each with its default.
MOST_REQUESTS = 100
#: "Nothing was cached": 404 in version 2.3 of the module, 412 in version 3.
NOT_CACHED = (404, 412)
#: The mark was written for the first time, or anew.
EMPTIED = (201, 204)
#: The mark is told by its second and its length; no two of one second should have the same.
MOST_MARK_BYTES = 60_000


class Nginx(Provider):
    """One Nginx.

    Options: SECRET (what the site expects), TIMEOUT_SECONDS (of a whole call, all its requests together), VARIANTS (the
    request headers of each variant that the site's cache key tells apart, such as
    [{"Accept-Language": "en"}, {"Accept-Language": "de"}]; every URL is purged in all), EVERYTHING (the site has an
    `epoch_folder`, so that one call empties it).
    """

    supports_fetch: bool = True
    counts_copies: ClassVar[bool] = True

    def __init__(self, tier: str, node: str, options: Mapping[str, Any]) -> None:
        super().__init__(tier, node, options)
        values = read_options(tier, options, required=("SECRET",), optional={"VARIANTS": ({},), "EVERYTHING": False})
        self.supports_everything = bool(values["EVERYTHING"])
        self._secret = header_secret(tier, values["SECRET"])
        self.variants: Sequence[Mapping[str, str]] = _checked_variants(tier, values["VARIANTS"])
        self.requests_per_item: Mapping[str, int] = {"purge_urls": len(self.variants)}
        self.max_urls_per_call = MOST_REQUESTS // len(self.variants) or 1
        self._node = Node(tier, node, values["TIMEOUT_SECONDS"])

    def purge_urls(self, urls: Sequence[str]) -> Reply:
        """Remove every declared variant of these URLs; counts them."""
        locations = [Location.of(url) for url in urls]
        answers = self._node.send_all([self._purge(each, variant) for each in locations for variant in self.variants])
        for answer in answers:
            if answer.status not in (PURGED, *NOT_CACHED) or answer.headers.get(MARKER_HEADER) != MARKER:
                raise failure(self.node, answer, f"{MARKER_HEADER}: {MARKER}")
        removed = sum(answer.status == PURGED for answer in answers)
        return Reply(removed=removed, raw=answers[-1].raw if answers else "")

    def purge_everything(self) -> Reply:
        """Make all that is stored unreachable; Nginx deletes it in its own time."""
        if not self.supports_everything:
            return super().purge_everything()
        mark = b"." * (1 + secrets.randbelow(MOST_MARK_BYTES))
        request = Request("PUT", "/", {"X-Purge-Everything": "yes", "X-Purge-Secret": self._secret}, mark)
        [answer] = self._node.send_all([request])
        if answer.status in EMPTIED and answer.headers.get(MARKER_HEADER) == MARKER:
            return Reply(raw=answer.raw)
        raise failure(self.node, answer, f"{MARKER_HEADER}: {MARKER}")

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Probe:
        """Ask as a visitor would for the first variant."""
        return fetched(self._node, url, STATUS_HEADER, headers)

    def _purge(self, location: Location, variant: Mapping[str, str]) -> Request:
        return Request("PURGE", location.target, {**location.headers, **variant, "X-Purge-Secret": self._secret})


def _checked_variants(tier: str, variants: Any) -> Sequence[Mapping[str, str]]:
    if isinstance(variants, list | tuple) and variants and all(isinstance(variant, Mapping) for variant in variants):
        return variants
    raise ImproperlyConfigured(
        f"INVALIDATION['TIERS'][{tier!r}]['OPTIONS']['VARIANTS'] must list request headers, "
        'such as [{"Accept-Language": "en"}, {"Accept-Language": "de"}].'
    )
