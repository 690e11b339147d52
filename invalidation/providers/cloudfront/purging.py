"""CloudFront: paths, wildcards and tags as invalidation jobs, each followed to its end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured

from invalidation.exceptions import UnsupportedOperation
from invalidation.providers.answers.reply import Reply
from invalidation.providers.base import Rate
from invalidation.providers.cdn.edge import Edged
from invalidation.providers.cloudfront.client import Invalidations
from invalidation.providers.http import Location
from invalidation.providers.options import needs, read_options

#: RFC 1738's unsafe characters. They must be encoded, and nothing else may be ("Specify the objects to invalidate").
UNSAFE_PATTERN = re.compile(r'["<>#{}|\\^~\[\]`]')
COMPLETED = "Completed"
QUOTAS = ("rate", "concurrency")
CREDENTIALS = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")


class CloudFront(Edged):
    """One distribution, or one tenant of a distribution that many share.

    Options: DISTRIBUTION_ID; DISTRIBUTION_TENANT_ID (purge this tenant alone); TAG_HEADER (sent with pages,
    "Cache-Tag"); TAGS (does the distribution's tag configuration name that header? None asks AWS once, which takes
    the permission cloudfront:GetDistributionConfig); QUOTA ("rate", 150 paths and one wildcard a second, or
    "concurrency", 3,000 paths and 15 wildcards in progress, the older rule); ACCESS_KEY_ID, SECRET_ACCESS_KEY and
    SESSION_TOKEN (left out: wherever boto3 finds credentials); ACCOUNT (names the quota that several distributions
    share); EDGE; ENDPOINT_URL; TIMEOUT_SECONDS.
    """

    edge_status_header = "X-Cache"
    supports_prefixes = True
    supports_everything = True
    tag_header = "Cache-Tag"
    tag_separator = ","
    max_tag_header_bytes = 12_850
    max_tags_per_response = 50
    """Fifty tags of at most 256 characters are kept of a page ("Invalidate by tag")."""

    max_urls_per_call = 60
    """Well below the 150 that the account may send a second (quotas, 2026): calls that a busy machine sends half a
    second late still find room. A call costs nothing, a path does."""

    max_tags_per_call = 60
    max_prefixes_per_call = 1
    price_per_item_usd = 0.005
    """Above the first thousand paths of a month; a wildcard and a tag cost as much as a path (pricing page)."""

    costs_money: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = True
    poll_seconds: ClassVar[float] = 5.0
    """AWS speaks of 25 seconds to completion for 95 of 100 jobs."""

    def __init__(self, tier: str, node: str, options: Mapping[str, Any]) -> None:
        super().__init__(tier, node, options)
        needs(tier, "boto3", "cloudfront")
        optional: dict[str, Any] = {
            "DISTRIBUTION_TENANT_ID": "",
            "TAG_HEADER": "Cache-Tag",
            "TAGS": None,
            "QUOTA": "rate",
        }
        optional |= {"ACCOUNT": "", "EDGE": "", "ENDPOINT_URL": None} | dict.fromkeys(CREDENTIALS)
        self._options = values = read_options(tier, options, required=("DISTRIBUTION_ID",), optional=optional)
        self.reached_at(values)
        if values["QUOTA"] not in QUOTAS:
            raise ImproperlyConfigured(f"INVALIDATION['TIERS'][{tier!r}]['OPTIONS']['QUOTA'] must be one of {QUOTAS}.")
        if values["QUOTA"] == "concurrency":
            self.max_urls_per_call = self.max_tags_per_call = 3_000
            self.max_prefixes_per_call = 15
        self.jobs_at_once = values["QUOTA"] == "rate"
        self.tag_header = values["TAG_HEADER"]
        self._learnt = False
        self._jobs = Invalidations(values)

    def learn(self) -> None:
        """Ask once whether the distribution reads our tags: if not, it would accept their purge and do nothing."""
        if self._learnt:
            return
        declared = self._options["TAGS"]
        reads = declared if declared is not None else self._jobs.tag_header().lower() == self.tag_header.lower()
        self.supports_tags, self._learnt = bool(reads), True

    def rates(self) -> Sequence[Rate]:
        """150 paths or tags and one wildcard a second for the account; the older rule counts jobs in progress."""
        if self._options["QUOTA"] == "concurrency":
            return ()
        name = f"cloudfront:{self._options['ACCOUNT'] or self._options['DISTRIBUTION_ID']}"
        return (
            Rate(f"{name}:paths", 150, 150, per_item={"purge_urls": 1.0, "purge_tags": 1.0}),
            # A call takes the whole bucket, so it must have been full for a while.
            Rate(f"{name}:wildcards", 0.9, 1, per_call={"purge_everything": 1.0}, per_item={"purge_prefixes": 1.0}),
        )

    def purge_urls(self, urls: Sequence[str], *, reference: str = "") -> Reply:
        """Start a job for these paths; the distribution serves them under every one of its hosts."""
        return self._invalidate([_path(url) for url in urls], reference)

    def purge_tags(self, tags: Sequence[str], *, reference: str = "") -> Reply:
        """Start a job for what carries one of these tags."""
        if not self.supports_tags:
            raise UnsupportedOperation(f"{self!r} has no tag configuration")
        return self._invalidate([f"#{tag}" for tag in tags], reference)

    def purge_prefixes(self, prefixes: Sequence[str], *, reference: str = "") -> Reply:
        """Start a job for what lies below these prefixes."""
        return self._invalidate([f"{_path(prefix)}*" for prefix in prefixes], reference)

    def purge_everything(self, *, reference: str = "") -> Reply:
        """Start a job for the whole distribution; it costs as much as one path."""
        return self._invalidate(["/*"], reference)

    def poll(self, external_id: str) -> Reply:
        """How is the job?"""
        return _reply(self._jobs.get(external_id))

    def _invalidate(self, items: Sequence[str], reference: str) -> Reply:
        return _reply(self._jobs.create(list(dict.fromkeys(items)), reference))


def _reply(job: Mapping[str, Any]) -> Reply:
    raw = f"{job['Id']} {job['Status']}"
    return Reply(accepted=job["Status"] != COMPLETED, external_id=job["Id"], raw=raw)


def _path(url: str) -> str:
    """The path and query of a URL, spelt as CloudFront compares them."""
    target = Location.of(url).target
    return UNSAFE_PATTERN.sub(lambda character: quote(character[0], safe="").replace("~", "%7E"), target)
