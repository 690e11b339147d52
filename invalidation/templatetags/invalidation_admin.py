"""How the admin's pages write instants, durations and places."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from itertools import zip_longest

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from invalidation.freshness.degraded import Reason
from invalidation.models import Delivery, DeliveryStatus, Pass
from invalidation.status import timeline, words
from invalidation.status.overview import alarms
from invalidation.targets.values import CachePlace

register = template.Library()

#: Where there is nothing to show.
NOTHING = "-"


@register.filter
def moment(instant: datetime | None) -> SafeString | str:
    """To the second, with the day and the year where they are not today's; a dash for none."""
    if instant is None:
        return NOTHING
    local = timezone.localtime(instant)
    now = timezone.localtime()
    day = "" if local.date() == now.date() else "%-d %b " if local.year == now.year else "%-d %b %Y "
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(),
        local.strftime("%Y-%m-%d %H:%M:%S.%f %Z"),
        local.strftime(f"{day}%H:%M:%S"),
    )


#: An instant inside a sentence, as the reports that machines read write it.
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:\d\d|Z)")


@register.filter
def dated(text: str) -> SafeString:
    """A sentence whose instants are written as everywhere on these pages."""
    words_between, instants = INSTANT.split(text), map(parse_datetime, INSTANT.findall(text))
    return format_html_join("", "{}{}", zip_longest(words_between, map(moment, instants), fillvalue=""))


#: An event inside a sentence, by the beginning of its id.
EVENT = re.compile(r"\bevent ([0-9a-f]{8})\b")


@register.filter
def linked(text: str) -> SafeString:
    """A sentence whose event, where it names one, is a link to it."""
    if not (found := EVENT.search(text)):
        return format_html("{}", text)
    url = f"{reverse('admin:invalidation_event_changelist')}?q={found[1]}"
    return format_html('{}<a href="{}">{}</a>{}', text[: found.start()], url, found[0], text[found.end() :])


#: Colours of what a row says of itself; what is under way has none.
MOODS = {
    **dict.fromkeys(("done", "purged"), "well"),
    **dict.fromkeys(("failed", "deferred"), "warn"),
    **dict.fromkeys(("dead", "rejected"), "bad"),
}


@register.filter
def mood(status: str) -> str:
    """`well`, `warn`, `bad`, or `calm` for what has not ended."""
    return MOODS.get(status, "calm")


@register.filter
def ago(instant: datetime | None) -> str:
    """`25 s ago`; a dash for none."""
    return NOTHING if instant is None else f"{alarms.ago(max(0.0, (timezone.now() - instant).total_seconds()))} ago"


@register.filter
def seconds(value: float | None) -> str:
    """`12 ms`, `1.25 s`, `7 min`; a dash for none."""
    return NOTHING if value is None else alarms.lasted(value)


@register.filter
def commands(text: str) -> SafeString:
    """A sentence whose commands stand in backticks."""
    parts = text.split("`")
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if number % 2 else part,) for number, part in enumerate(parts))
    )


@register.filter
def place(of: CachePlace) -> str:
    """`varnish 127.0.0.1:6081`."""
    return words.place(*of)


@register.filter
def address(node: str) -> str:
    """Of a node, without what is the same for all."""
    return node.partition("://")[2] or node or NOTHING


@register.filter
def ended(delivery: Delivery) -> str:
    """How the newest attempt of a delivery ended."""
    if delivery.status in (DeliveryStatus.PENDING, DeliveryStatus.RUNNING) and not delivery.error:
        return ""
    words_of_pass = timeline.PASSES.get(Pass(delivery.delivery_pass), "")
    told = timeline.end_in_words(delivery, delivery.status, delivery.error).removeprefix(words_of_pass)
    return told.removeprefix(delivery.status).lstrip(":, ")


@register.filter
def remedy(error: str) -> str:
    """What to do about an error."""
    return words.diagnose(error).remedy


#: Why pages got a short life, as a person says it.
SHORT_LIFE = {
    Reason.REDIS: "Redis was away",
    Reason.ROOM: "the tag index had no room",
    Reason.ADDRESS: "the address is too long, or has parameters that nobody declared",
    Reason.TAG: "a tag is none",
    Reason.ORIGIN: "the host is in no SITES",
}


@register.filter
def short_life(counts: Mapping[str, int]) -> str:
    """`18 because Redis was away`, for what there was."""
    known = {reason.value: words for reason, words in SHORT_LIFE.items()}
    return ", ".join(f"{number:,} because {known.get(name, name)}" for name, number in counts.items() if number)


@register.filter
def diagnosis(error: str) -> str:
    """An error in words."""
    return words.diagnose(error).words if error else ""
