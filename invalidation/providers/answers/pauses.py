"""How long a cache or a vendor asks us to wait, read from headers that may say anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from invalidation.targets.digits import whole_number

#: Nobody is believed who asks for more; a day is beyond every vendor's longest quota.
MAX_PAUSE_SECONDS = 86_400.0
#: `"default";r=0;t=30`: 30 seconds until the quota is full again (draft-ietf-httpapi-ratelimit-headers). One of which
#: something is left tells nothing of the pause: another quota was exceeded.
RATELIMIT_PATTERN = re.compile(r";[ \t]*r=0[ \t]*;[ \t]*t=([0-9]{1,19})")
#: Epoch seconds at which the quota is full again.
RESET_HEADER = "Fastly-RateLimit-Reset"


def pause_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long a vendor asks us to wait; None where no header says."""
    if value := headers.get("Retry-After", ""):
        return retry_after_seconds(value, now)
    if match := RATELIMIT_PATTERN.search(headers.get("Ratelimit", "")):
        return _bounded(float(match[1]))
    reset = whole_number(headers.get(RESET_HEADER, ""))
    return None if reset is None else _bounded(reset - now.timestamp())


def retry_after_seconds(value: str, now: datetime) -> float | None:
    """Retry-After as seconds from `now`, whether it names seconds or a date; None where it can't be read."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        seconds = whole_number(value)
        return MAX_PAUSE_SECONDS if seconds is None else _bounded(float(seconds))
    try:
        date = parsedate_to_datetime(value)
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return _bounded((date - now).total_seconds())
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _bounded(seconds: float) -> float:
    return min(max(0.0, seconds), MAX_PAUSE_SECONDS)
