"""How reasons write instants. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def told(instant: datetime) -> str:
    """To the second, in UTC."""
    return instant.astimezone(UTC).isoformat(timespec="seconds")
