"""The checker's own tiers: Cloudflare without its quota, and a cache of values that is sometimes slow to be purged."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from invalidation.providers.answers.reply import Reply
from invalidation.providers.base import Rate
from invalidation.providers.cloudflare.purging import Cloudflare
from invalidation.providers.redis import Redis


class CloudflareWithoutQuota(Cloudflare):
    """A quota would decide after a few minutes how stale pages may be; this is about order and what is in flight."""

    def rates(self) -> Sequence[Rate]:
        """None."""
        return ()


class SlowValues(Redis):
    """Lets pages be rendered from old values after their batch was stamped: most for a moment, some for long."""

    def purge_tags(self, tags: Sequence[str]) -> Reply:
        """Late."""
        if random.random() < 0.2:
            time.sleep(random.uniform(0.05, 0.2))
        return super().purge_tags(tags)
