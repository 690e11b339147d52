"""Cloudflare: URLs, tags, hosts, prefixes and everything, hard or soft, within the limits of the zone's plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from invalidation.exceptions import RejectedError
from invalidation.providers.answers.reply import Reply
from invalidation.providers.base import Rate
from invalidation.providers.cdn.edge import Edged
from invalidation.providers.cloudflare.api import API_URL, accepted, connect
from invalidation.providers.http import Location
from invalidation.providers.options import read_options

#: "Purge by prefix": more path separators are refused.
MAX_PREFIX_SEPARATORS = 31


@dataclass(frozen=True, slots=True)
class Plan:
    """What one of Cloudflare's plans allows an account ("Availability and limits" of "Purge cache", 2026-11)."""

    purges_per_second: float
    purges_burst: float
    urls_per_second: float
    urls_per_call: int = 30
    """The page says 100, but 30 was still enforced outside Enterprise (cloudflare-docs issue 21338)."""


PLANS = {
    "free": Plan(5 / 60, 25, 800),
    "pro": Plan(5, 25, 1_500),
    "business": Plan(10, 50, 1_500),
    "enterprise": Plan(50, 500, 3_000, urls_per_call=500),
}


class Cloudflare(Edged):
    """One zone.

    Options: ZONE_ID, API_TOKEN (with the permission "Cache Purge"), PLAN (free, pro, business or enterprise; decides
    the limits), VARIANTS (request headers of each variant in the zone's cache key, such as
    [{}, {"CF-Device-Type": "mobile"}]; every URL is purged in all), HOSTS (what "everything" means in a zone that
    serves other sites too), MAX_FILES_PER_CALL, ACCOUNT (names the quota that several zones share), EDGE, API_URL,
    TIMEOUT_SECONDS. SOFT is set where a purge lets the old copy be shown while a new one is fetched.
    """

    edge_status_header = "CF-Cache-Status"
    supports_tags = True
    supports_soft = True
    supports_prefixes = True
    supports_everything = True
    tag_header = "Cache-Tag"
    tag_separator = ","
    max_tag_header_bytes = 16_000
    """16 KB over all of the header's fields ("Purge by tag")."""

    max_urls_per_call = 30
    max_tags_per_call = 100
    max_prefixes_per_call = 100
    """All three: "Availability and limits"; URLs as the plan has it."""

    def __init__(self, tier: str, node: str, options: Mapping[str, Any]) -> None:
        super().__init__(tier, node, options)
        optional = {"PLAN": "free", "SOFT": False, "VARIANTS": ({},), "HOSTS": (), "MAX_FILES_PER_CALL": None}
        optional |= {"API_URL": API_URL, "ACCOUNT": "", "EDGE": ""}
        values = read_options(tier, options, required=("ZONE_ID", "API_TOKEN"), optional=optional)
        self.reached_at(values)
        if values["PLAN"] not in PLANS:
            raise ImproperlyConfigured(
                f"INVALIDATION['TIERS'][{tier!r}]['OPTIONS']['PLAN'] must be one of {sorted(PLANS)}."
            )
        self._plan = PLANS[values["PLAN"]]
        self.variants: Sequence[Mapping[str, str]] = values["VARIANTS"] or ({},)
        self._hosts = list(values["HOSTS"])
        self._account = values["ACCOUNT"] or values["ZONE_ID"]
        self.max_urls_per_call = (values["MAX_FILES_PER_CALL"] or self._plan.urls_per_call) // len(self.variants) or 1
        self._api = connect(tier, values)
        verb = "invalidate_cache" if values["SOFT"] else "purge_cache"
        self._path = f"/client/v4/zones/{values['ZONE_ID']}/{verb}"

    def rates(self) -> Sequence[Rate]:
        """The plan's buckets, and 1,200 requests in five minutes for the token, after which it is shut out for five."""
        name, plan = f"cloudflare:{self._account}", self._plan
        wide = dict.fromkeys(("purge_tags", "purge_prefixes", "purge_everything"), 1.0)
        return (
            Rate(f"{name}:purges", plan.purges_per_second, plan.purges_burst, per_call=wide),
            Rate(f"{name}:urls", plan.urls_per_second, plan.urls_per_second, {}, {"purge_urls": len(self.variants)}),
            # 1,050 saved up and one every two seconds stay below 1,200 in any five minutes, wherever they begin.
            Rate(f"{name}:api", 0.5, 1_050, per_call=wide | {"purge_urls": 1.0}),
        )

    def purge_urls(self, urls: Sequence[str]) -> Reply:
        """Remove every declared variant of these URLs."""
        locations = [Location.of(url) for url in urls]
        spelt = [f"{location.scheme}://{location.host}{location.target}" for location in locations]
        files = [
            {"url": url, "headers": dict(variant)} if variant else url for url in spelt for variant in self.variants
        ]
        return self._purge({"files": files})

    def purge_tags(self, tags: Sequence[str]) -> Reply:
        """Remove what carries one of these tags; Cloudflare compares them without regard to case."""
        return self._purge({"tags": list(tags)})

    def purge_prefixes(self, prefixes: Sequence[str]) -> Reply:
        """Remove what lies below these prefixes, on both schemes; whole hosts by the selector for hosts."""
        locations = [Location.of(prefix) for prefix in prefixes]
        if all(location.target == "/" for location in locations):
            return self._purge({"hosts": list(dict.fromkeys(location.host for location in locations))})
        if any(location.target.count("/") > MAX_PREFIX_SEPARATORS for location in locations):
            raise RejectedError(f"A prefix has more than {MAX_PREFIX_SEPARATORS} slashes; purge a shorter one.")
        return self._purge({"prefixes": list(dict.fromkeys(f"{each.host}{each.target}" for each in locations))})

    def purge_everything(self) -> Reply:
        """Remove every copy of the zone, or of the declared hosts."""
        return self._purge({"hosts": self._hosts} if self._hosts else {"purge_everything": True})

    def _purge(self, selector: Mapping[str, object]) -> Reply:
        answer = self._api.send("POST", self._path, selector)
        accepted(self._api, answer)
        return Reply(raw=answer.raw)
