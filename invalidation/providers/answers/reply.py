"""What a provider's verbs return: values that the pipeline can judge without knowing the product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reply:
    """What one call achieved, by the cache's own word."""

    removed: int | None = None
    """Objects removed, where the cache counts them."""

    accepted: bool = False
    """True: a job was accepted and is still running; `poll` with `external_id` tells its end."""

    external_id: str = ""
    """The vendor's name for the call."""

    raw: str = ""
    """The vendor's own words, shortened, without secrets."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a node answered when it was asked for a page as a visitor would."""

    status_code: int
    sequence: int | None = None
    """At which the page was rendered; None where it says nothing, as what no cache may store."""

    cache_status: str = ""
    """What the node says of its copy, such as HIT."""

    text: str = ""
    """The beginning of the body."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """By name, in whatever case."""
