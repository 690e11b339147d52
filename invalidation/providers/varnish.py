"""Varnish with the VCL of deploy/varnish: URL, tags (xkey), prefixes and everything (bans), each with its proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from invalidation.providers.answers.reply import Probe, Reply
from invalidation.providers.base import Provider
from invalidation.providers.http import Location, Node, failure, fetched
from invalidation.providers.options import header_secret, read_options
from invalidation.providers.wire.answer import Answer
from invalidation.providers.wire.request import Request
from invalidation.targets.digits import whole_number

STATUS_HEADER = "X-Cache"
MARKER_HEADER = "X-Purged-By"
MARKER = "varnish"
PURGED = 200
#: More objects than a Varnish holds under one URL or tag; a greater count is believed by nobody.
MOST_REMOVED = 1_000_000_000


class Varnish(Provider):
    """One Varnish.

    Options: SECRET (what the VCL expects), TIMEOUT_SECONDS (of a whole call, all its requests together). SOFT is set
    where a purge lets the old copy be shown once more while a new one is fetched.
    """

    supports_fetch: bool = True
    supports_soft: ClassVar[bool] = True
    counts_copies: ClassVar[bool] = True
    supports_tags: bool = True
    supports_prefixes: bool = True
    supports_everything: bool = True
    tag_header: str = "xkey"

    max_urls_per_call: int = 100
    """One pipelined request each, all within TIMEOUT_SECONDS: fifty milliseconds for each with its default."""

    max_prefixes_per_call: int = 100
    requests_per_item: Mapping[str, int] = MappingProxyType({"purge_urls": 1, "purge_prefixes": 1})
    max_tags_per_call: int = 1000
    """Bounded by bytes before that."""

    max_tag_bytes_per_call: int = 7000
    """Varnish takes headers of 8 kB unless http_req_hdr_len says otherwise (varnishd(1))."""

    def __init__(self, tier: str, node: str, options: Mapping[str, Any]) -> None:
        super().__init__(tier, node, options)
        values = read_options(tier, options, required=("SECRET",), optional={"SOFT": False})
        self._secret = header_secret(tier, values["SECRET"])
        self._soft: dict[str, str] = {"X-Purge-Soft": "1"} if values["SOFT"] else {}
        self._node = Node(tier, node, values["TIMEOUT_SECONDS"])

    def purge_urls(self, urls: Sequence[str]) -> Reply:
        """Remove every variant of these URLs; counts the objects."""
        return self._purge([self._of_url(Location.of(url)) for url in urls])

    def purge_tags(self, tags: Sequence[str]) -> Reply:
        """Remove what carries one of these tags; counts the objects."""
        return self._purge([self._request("/", {"xkey-purge": " ".join(tags), **self._soft})])

    def purge_prefixes(self, prefixes: Sequence[str]) -> Reply:
        """Ban what starts with one of these prefixes; Varnish doesn't count bans."""
        return self._purge([self._ban(Location.of(prefix)) for prefix in prefixes])

    def purge_everything(self) -> Reply:
        """Ban every object."""
        return self._purge([self._request("/", {"X-Ban-Everything": "1"})])

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Probe:
        """Ask as a visitor would."""
        return fetched(self._node, url, STATUS_HEADER, headers)

    def _of_url(self, location: Location) -> Request:
        return self._request(location.target, {**location.headers, **self._soft})

    def _ban(self, location: Location) -> Request:
        return self._request("/", {**location.headers, "X-Ban-Prefix": location.target})

    def _request(self, target: str, headers: Mapping[str, str]) -> Request:
        return Request("PURGE", target, {**headers, "X-Purge-Secret": self._secret})

    def _purge(self, requests: Sequence[Request]) -> Reply:
        """Each answer brings its own proof, or none counts: the call is repeated whole."""
        answers = self._node.send_all(requests)
        for answer in answers:
            if answer.status != PURGED or answer.headers.get(MARKER_HEADER) != MARKER:
                raise failure(self.node, answer, f"{MARKER_HEADER}: {MARKER}")
        return Reply(removed=_total(answers), raw=answers[-1].raw if answers else "")


def _total(answers: Sequence[Answer]) -> int | None:
    counts = [whole_number(answer.headers.get("X-Purge-Count"), MOST_REMOVED) for answer in answers]
    known = [count for count in counts if count is not None]
    return min(sum(known), MOST_REMOVED) if known else None
