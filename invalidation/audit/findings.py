"""What an audit finds, and the report of one. A finding names what to blame, and each kind its remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any


class Kind(Enum):
    """One kind of finding: a stable code, what it means, and what to do."""

    DEAD_TAG = (
        "dead-tag",
        "No known page and no cached value carries it: purging it removes nothing.",
        "Correct the tag, or tag the pages that show what it stands for; else give it no more.",
    )
    FOREIGN_HOST = (
        "foreign-host",
        "The page is on a host that is never sent a purge.",
        "Add the origin to INVALIDATION['SITES'], or list no such page.",
    )
    UNDECLARED_PARAMETERS = (
        "undeclared-parameters",
        "The page has query parameters that are not declared: its copies live for DEGRADED_TTL_SECONDS, unpurged.",
        "Declare them in INVALIDATION['PAGES']['QUERY_PARAMETERS'], or link to the page without them.",
    )
    ADDRESS = (
        "address",
        "The address is too long, or spells plain letters as %62: the tag index takes it for no page.",
        "Link to the page by a shorter address, with plain letters as they are.",
    )
    UNTAGGED = (
        "untagged",
        "The page carries no tag, and no rule, setting or known purge names its address.",
        "Tag what the view shows (add_cache_tags), or name its address in Rules.urls or DEPLOY['URLS'].",
    )
    TAGS_NOT_GIVEN = (
        "tags-not-given",
        "The page carries tags that no rule gives and no known purge has named, nor is its address named.",
        "Register the model that it shows, give the tags in Rules.tags, or correct the tags of the view.",
    )
    NO_INDEX = (
        "no-index",
        "The tier can't purge by tag, and without a tag index nobody tells it which pages carry one.",
        "Set INVALIDATION['REDIS_URL'].",
    )
    UNRECORDED = (
        "unrecorded",
        "Rows of a registered model were changed, and no event tells of it.",
        "Write through an InvalidatingManager or save(), call invalidate() beside it, or install the trigger.",
    )

    def __init__(self, code: str, words: str, remedy: str) -> None:
        self.code = code
        self.words = words
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend."""

    kind: Kind
    subject: str
    """What it is about: a tag, a page, a table."""

    blame: str
    """The line of code, the setting or the caller."""

    times: int = 1
    """Pages of a view, events that name a tag, statements."""

    detail: str = ""

    def document(self) -> dict[str, Any]:
        """JSON form."""
        words = {"words": self.kind.words, "remedy": self.kind.remedy}
        own = {"subject": self.subject, "times": self.times, "detail": self.detail, "blame": self.blame}
        return {"code": self.kind.code, **own, **words}


@dataclass(frozen=True, slots=True)
class Report:
    """One audit."""

    audited_at: datetime
    findings: tuple[Finding, ...] = ()
    looked_at: Mapping[str, int] = field(default_factory=dict)
    """How many of what were judged."""

    notes: tuple[str, ...] = ()
    """What was left out, and why; it takes nothing from what was found."""

    not_held: tuple[str, ...] = ()
    """What was asked for and could not be judged at all, and why."""

    accepted: int = 0
    """Findings that somebody has seen to."""

    def document(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "audited_at": self.audited_at.isoformat(),
            "findings": [finding.document() for finding in self.findings],
            "accepted": self.accepted,
            "looked_at": dict(self.looked_at),
            "notes": list(self.notes),
            "not_held": list(self.not_held),
        }


def without_accepted(findings: Iterable[Finding], patterns: Iterable[str]) -> tuple[list[Finding], int]:
    """Those whose subject matches no pattern (`*`, `?`, `[…]`), and how many do."""
    known, wanted = list(findings), list(patterns)
    left = [one for one in known if not any(fnmatchcase(one.subject, pattern) for pattern in wanted)]
    return left, len(known) - len(left)
