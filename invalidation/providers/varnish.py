"""Varnish with the VCL of deploy/varnish: URL, tags (xkey), prefixes and everything (bans), each with its proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from invalidation.providers.base import Probe, Provider, Reply
from invalidation.providers.http import Answer, Location, Node, failure, fetched, header_secret, read_options

STATUS_HEADER = "X-Cache"
MARKER_HEADER = "X-Purged-By"
MARKER = "varnish"
PURGED = 200


class Varnish(Provider):
    """One Varnish.

    Options: SECRET (what the VCL expects), TIMEOUT_SECONDS, SOFT (let the old copy be shown once more while a new
    one is fetched; only where no other cache stands outside, which would keep that old copy).
    """

    supports_fetch: bool = True
    counts_copies: ClassVar[bool] = True
    supports_tags: bool = True
    supports_prefixes: bool = True
    supports_everything: bool = True
    tag_header: str = "xkey"

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
        return _total([self._purge_url(Location.of(url)) for url in urls])

    def purge_tags(self, tags: Sequence[str]) -> Reply:
        """Remove what carries one of these tags; counts the objects."""
        return self._purge("/", {"xkey-purge": " ".join(tags), **self._soft})

    def purge_prefixes(self, prefixes: Sequence[str]) -> Reply:
        """Ban what starts with one of these prefixes; Varnish doesn't count bans."""
        return _total([self._ban(Location.of(prefix)) for prefix in prefixes])

    def purge_everything(self) -> Reply:
        """Ban every object."""
        return self._purge("/", {"X-Ban-Everything": "1"})

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Probe:
        """Ask as a visitor would."""
        return fetched(self._node, url, STATUS_HEADER, headers)

    def _purge_url(self, location: Location) -> Reply:
        return self._purge(location.target, {**location.headers, **self._soft})

    def _ban(self, location: Location) -> Reply:
        return self._purge("/", {**location.headers, "X-Ban-Prefix": location.target})

    def _purge(self, target: str, headers: Mapping[str, str]) -> Reply:
        answer = self._node.send("PURGE", target, {**headers, "X-Purge-Secret": self._secret})
        if answer.status == PURGED and answer.headers.get(MARKER_HEADER) == MARKER:
            return Reply(removed=_count(answer), raw=answer.raw)
        raise failure(self.node, answer, f"{MARKER_HEADER}: {MARKER}")


def _count(answer: Answer) -> int | None:
    count = answer.headers.get("X-Purge-Count", "")
    return int(count) if count.isdecimal() else None


def _total(replies: Sequence[Reply]) -> Reply:
    counts = [reply.removed for reply in replies if reply.removed is not None]
    return Reply(removed=sum(counts) if counts else None, raw=replies[-1].raw if replies else "")
