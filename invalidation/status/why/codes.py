"""The reasons that there are, by name. The page `docs/reference/why.md` says what each means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Why a node answered as it did. What begins with `old` is older than the last purge that concerned it."""

    COPY = "copy"
    NEWER = "newer"
    SHORT_LIFE = "short-life"
    ENDS = "ends"
    GRACE = "grace"
    ON_ERROR = "on-error"
    UNSTAMPED_COPY = "unstamped-copy"
    UNINDEXED = "unindexed"

    NEVER = "never-asked"
    PURGED = "purged"
    EXPIRED = "expired"
    GONE = "gone"
    UNKNOWN = "unknown"
    NOT_KEPT = "not-kept"
    NOT_A_CACHE = "not-a-cache"

    OUTDATED = "outdated"
    TOO_MANY_TAGS = "too-many-tags"
    COOKIE = "cookie"
    VARIES = "varies"
    PRIVATE = "private"
    NO_LIFETIME = "no-lifetime"
    ERROR = "error"
    REDIRECT = "redirect"
    UNSTAMPED = "unstamped"

    OLD_UNCLAIMED = "old-unclaimed"
    OLD_WAITS_INSIDE = "old-waits-inside"
    OLD_WAITS = "old-waits"
    OLD_RUNNING = "old-running"
    OLD_ABANDONED = "old-abandoned"
    OLD_RETRIED = "old-retried"
    OLD_PUT_OFF = "old-put-off"
    OLD_JOB = "old-job"
    OLD_DEAD_LETTER = "old-dead-letter"
    OLD_OTHER_TIERS = "old-other-tiers"
    OLD_NEW_NODE = "old-new-node"
    OLD_SOFT = "old-soft"
    OLD_HANDED = "old-handed"
    OLD_FROM_INSIDE = "old-from-inside"
    OLD_REBOUND = "old-rebound"
    OLD_SECOND_PURGE = "old-second-purge"
    OLD_TWICE = "old-twice"

    UNREACHABLE = "unreachable"
    LEFT_ALONE = "left-alone"
    NOT_ASKED = "not-asked"
    FAILED = "failed"
    UNHEALTHY = "unhealthy"
    REFUSED = "refused"
    WRONG_HOST = "wrong-host"


#: Of nodes that did not tell what they hold.
UNTOLD = frozenset(
    {Code.UNREACHABLE, Code.LEFT_ALONE, Code.NOT_ASKED, Code.FAILED, Code.UNHEALTHY, Code.REFUSED, Code.WRONG_HOST}
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, in words, and what to do about it."""

    code: Code
    words: str
    remedy: str = ""

    @property
    def stale(self) -> bool:
        """Is the copy older than the last purge that concerned it?"""
        return self.code.startswith("old")
