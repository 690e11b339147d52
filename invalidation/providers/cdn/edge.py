"""What CDNs share as caches: no node has an address of its own, so pages are asked for where visitors reach them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured

from invalidation.providers.answers.reply import Probe
from invalidation.providers.base import Provider
from invalidation.providers.http import Location, Node, fetched

#: Value of the option EDGE: each page at its own address.
AT_THE_SITE = "site"


class Edged(Provider):
    """A CDN. Its option EDGE says where pages can be asked for: "site", as visitors do, or the URL of one edge."""

    propagation_seconds: ClassVar[float] = 5.0
    """Vendors speak of fractions of a second."""

    edge_status_header: ClassVar[str]
    """In which it says whether a page came from its store."""

    def reached_at(self, values: Mapping[str, Any]) -> None:
        """Read EDGE and TIMEOUT_SECONDS.

        Raises:
            ImproperlyConfigured: EDGE is neither "site" nor a URL.
        """
        self._edge, self._timeout_seconds = values["EDGE"], values["TIMEOUT_SECONDS"]
        self.supports_fetch = bool(self._edge)
        self._edges: dict[str, Node] = {}
        if self._edge not in ("", AT_THE_SITE) and not re.fullmatch(r"https?://[^/?#@]+", str(self._edge)):
            raise ImproperlyConfigured(
                f"INVALIDATION['TIERS'][{self.tier!r}]['OPTIONS']['EDGE'] must be 'site', for pages at their own "
                "addresses, or the URL of an edge, such as 'https://d111111abcdef8.cloudfront.net'."
            )

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Probe:
        """Ask the edge that is nearest, as a visitor would; what others hold it doesn't tell."""
        if not self.supports_fetch:
            return super().fetch(url, headers)
        location = Location.of(url)
        address = f"{location.scheme}://{location.host}" if self._edge == AT_THE_SITE else self._edge
        if address not in self._edges:
            self._edges[address] = Node(self.tier, address, self._timeout_seconds)
        return fetched(self._edges[address], url, self.edge_status_header, headers)
