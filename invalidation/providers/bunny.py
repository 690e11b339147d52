"""Bunny: exact URLs, prefixes, tags and a whole pull zone, one to a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from invalidation.exceptions import Unproven
from invalidation.providers.answers.reply import Reply
from invalidation.providers.base import Rate
from invalidation.providers.cdn.edge import Edged
from invalidation.providers.cdn.vendor import Api, json_object
from invalidation.providers.http import Location
from invalidation.providers.options import header_secret, read_options

API_URL = "https://api.bunny.net"
ACCEPTED = (200, 204)


class Bunny(Edged):
    """One pull zone.

    Options: PULL_ZONE_ID, API_KEY, ACCOUNT (names the quota that several zones share), EDGE, API_URL, TIMEOUT_SECONDS.
    Zones with Perma-Cache have no purge by tag ("Purge cache").
    """

    edge_status_header = "CDN-Cache"
    supports_tags = True
    supports_prefixes = True
    supports_everything = True
    tag_header = "CDN-Tag"
    tag_separator = ","
    max_tag_header_bytes = 1_024
    """"Purge cache"."""

    def __init__(self, tier: str, node: str, options: Mapping[str, Any]) -> None:
        super().__init__(tier, node, options)
        optional = {"ACCOUNT": "", "API_URL": API_URL, "EDGE": ""}
        values = read_options(tier, options, required=("PULL_ZONE_ID", "API_KEY"), optional=optional)
        self.reached_at(values)
        self._zone_path = f"/pullzone/{values['PULL_ZONE_ID']}/purgeCache"
        self._account = values["ACCOUNT"] or values["PULL_ZONE_ID"]
        key = header_secret(tier, values["API_KEY"], "API_KEY")
        self._api = Api(
            tier,
            values["API_URL"],
            headers={"AccessKey": key},
            timeout_seconds=values["TIMEOUT_SECONDS"],
        )

    def rates(self) -> Sequence[Rate]:
        """120 exact URLs and 5 a second; 20 wide purges and one every two seconds ("Purge rate limits")."""
        wide = dict.fromkeys(("purge_prefixes", "purge_tags", "purge_everything"), 1.0)
        return (
            Rate(f"bunny:{self._account}:exact", 5, 120, per_call={"purge_urls": 1.0}),
            Rate(f"bunny:{self._account}:wide", 0.5, 20, per_call=wide),
        )

    def purge_urls(self, urls: Sequence[str]) -> Reply:
        """Remove exactly these URLs."""
        return _last([self._send(self._purge_path(url, exact=True)) for url in urls])

    def purge_prefixes(self, prefixes: Sequence[str]) -> Reply:
        """Remove what starts with these prefixes."""
        return _last([self._send(self._purge_path(prefix, exact=False)) for prefix in prefixes])

    def purge_tags(self, tags: Sequence[str]) -> Reply:
        """Remove what carries one of these tags."""
        return _last([self._send(self._zone_path, {"CacheTag": tag}) for tag in tags])

    def purge_everything(self) -> Reply:
        """Remove every copy of the pull zone."""
        return Reply(raw=self._send(self._zone_path))

    def _purge_path(self, url: str, *, exact: bool) -> str:
        location = Location.of(url)
        spelt = f"{location.scheme}://{location.host}{location.target}"
        query = {"url": spelt, "exactPath": "true"} if exact else {"url": f"{spelt}*"}
        return f"/purge?{urlencode(query)}"

    def _send(self, target: str, document: object = None) -> str:
        answer = self._api.send("POST", target, document)
        if answer.status not in ACCEPTED:
            raise self._api.failure(answer, "status 200 or 204")
        if answer.text and not json_object(answer):
            raise Unproven("Bunny's answer is neither empty nor a JSON object.", reply=answer.raw)
        return answer.raw


def _last(raws: Sequence[str]) -> Reply:
    return Reply(raw=raws[-1] if raws else "")
