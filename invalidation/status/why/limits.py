"""Why a page lives more shortly than its view meant, by what the application says of it. Pure."""

from __future__ import annotations

from invalidation.freshness import degraded
from invalidation.freshness.degraded import Reason as Limit
from invalidation.providers.answers.reply import Probe
from invalidation.status.why.case import lifetime_seconds, limit
from invalidation.status.why.codes import Code, Reason

#: Words, and what to do.
LIMITS = {
    Limit.REDIS.value: (
        "the Redis of REDIS_URL did not tell whether it was outdated while it was rendered",
        "Start that Redis, or look at its load; pages have their whole life again by themselves.",
    ),
    Limit.ROOM.value: (
        "the tag index was full, so that no purge by tag would find it",
        "Raise INDEX['MAX_URLS'] or INDEX['MAX_BYTES'].",
    ),
    Limit.ADDRESS.value: (
        "its address is none that a purge could name",
        "Declare its query parameters in PAGES['QUERY_PARAMETERS'], or link to it as the view's own address has it.",
    ),
    Limit.TAG.value: (
        "its view added what is no tag",
        "The log names it as `unusable_tags`; `object_tag` makes a tag of any key.",
    ),
    Limit.ORIGIN.value: (
        "the application took it for a page of another site, that is in none of SITES",
        "Let the proxy pass on the Host and the scheme that the visitor asked for, or add that site to SITES.",
    ),
    degraded.UNTAGGED: (
        "it shows what no tag stands for",
        "`manage.py why URL --reads` names that; register the model, or tag the page by hand.",
    ),
    degraded.ENDS: ("something that it shows changes by itself when that life ends", ""),
}


def of_life(probe: Probe) -> Reason | None:
    """Why it lives for so short a time; None where it lives as its view meant."""
    said = limit(probe)
    if said not in LIMITS:
        return None
    words, remedy = LIMITS[said]
    code = Code.ENDS if said == degraded.ENDS else Code.SHORT_LIFE
    return Reason(code, f"it lives for {lifetime_seconds(probe)} s only: {words}", remedy)
