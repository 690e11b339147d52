"""Cloudflare's purge without the account's quota, which would decide after a few minutes how stale pages may be."""

from __future__ import annotations

from collections.abc import Sequence

from invalidation.providers.base import Rate
from invalidation.providers.cloudflare import Cloudflare


class CloudflareWithoutQuota(Cloudflare):
    """What quotas do is asked elsewhere; this is about order and about what is in flight."""

    def rates(self) -> Sequence[Rate]:
        """None."""
        return ()
