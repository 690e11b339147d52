"""What is stored under a key of the tagged cache, and when it may be used. Pure but for the clock it is handed."""

from __future__ import annotations

import random
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: Tag to the version that it had before a value was computed.
Stamps = Mapping[str, int]
#: An expired value stays this long, for readers who come while one of them computes the next.
SPARE_SECONDS = 30.0
#: Values written together must not expire together: each lives for 90 to 100 % of its timeout.
JITTER = 0.1
FIELDS = {"value", "stamps", "expires_at"}
EVERY_FIELD = FIELDS | {"others", "page"}
#: A version is a positive number of 63 bits, which most backends keep as it is, where text would be serialized and
#: compressed: the millisecond at which it was made, then chance.
CHANCE_BITS = 21


@dataclass(frozen=True, slots=True)
class Entry:
    """A value, the versions of its tags before it was computed, and the second at which it expires."""

    value: Any
    stamps: Stamps
    expires_at: float | None
    """Seconds since the epoch; None for never."""

    others: Mapping[str, Stamps] = field(default_factory=dict)
    """Of values of other caches that it was made of, by their alias."""

    page: Mapping[str, Sequence[str]] | None = None
    """What a page that shows it depends on: `tags`, those `by_hand`, what is `untagged`; None where nobody looked."""

    def document(self) -> dict[str, Any]:
        """Plain types alone, so that any serializer can store it."""
        own = {"value": self.value, "stamps": dict(self.stamps), "expires_at": self.expires_at}
        others = {"others": {alias: dict(one) for alias, one in self.others.items()}} if self.others else {}
        return own | others | ({"page": self.page} if self.page is not None else {})

    @classmethod
    def of(cls, stored: Any) -> Entry | None:
        """None for what is missing, or was stored under the key by somebody else."""
        if not isinstance(stored, dict) or not FIELDS <= stored.keys() <= EVERY_FIELD:
            return None
        return cls(**stored)

    def is_current(self, tags: Collection[str], versions: Stamps) -> bool:
        """Was nothing that it depends on invalidated since? A missing version equals none."""
        return self.stamps.items() <= versions.items() and all(map(self.stamps.__contains__, tags))

    def is_expired(self, now: float) -> bool:
        """Is it past its time?"""
        return self.expires_at is not None and now >= self.expires_at


def expiry(timeout: float | None, now: float) -> float | None:
    """The second at which a value written at `now` expires."""
    return None if timeout is None else now + timeout * random.uniform(1 - JITTER, 1)  # noqa: S311 (not a secret)


def new_version(now: float) -> int:
    """A version that no tag ever had."""
    return int(now * 1000) << CHANCE_BITS | secrets.randbits(CHANCE_BITS)


def made_at(version: int) -> float:
    """The second, since the epoch and by its maker's clock, at whose end a version was there at the latest."""
    return ((version >> CHANCE_BITS) + 1) / 1000
