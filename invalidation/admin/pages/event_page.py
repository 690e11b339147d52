"""The page of one event: where it stands and what to do, its cause, everything that happened; and its replay."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from invalidation import conf
from invalidation.admin.base import ReadOnlyAdmin, duration
from invalidation.admin.pages.why import why_url
from invalidation.admin.summary import targets_summary
from invalidation.models import Delivery, DeliveryStatus, Event, EventStatus
from invalidation.pipeline import replay
from invalidation.rows import attempts, deliveries, events
from invalidation.rows.states import DEAD_LETTERS, FINAL
from invalidation.status import documents
from invalidation.status.overview.alarms import stuck_seconds
from invalidation.status.timeline import Story, still_open, timeline
from invalidation.targets.values import Manner

#: A page that is looked at asks anew this often while its event is young; later only now and then, so that a forgotten
#: window costs nothing.
YOUNG_SECONDS = 300
YOUNG_REFRESH_SECONDS, OLD_REFRESH_SECONDS = 2, 30
SHOWN_MERGED = 10
SHOWN_OBJECTS = 10
SHOWN_ADDRESSES = 3
#: A longer list of targets is typed anew, because servers refuse the address.
LONGEST_QUERY = 4000
OBJECT_TAG = re.compile(r"([a-z0-9_]+\.[a-z0-9_]+):([^\s:]+)")


class EventPage:
    """`?fragment` is the part that changes, for the page's own script."""

    def __init__(self, model_admin: ReadOnlyAdmin) -> None:
        self.model_admin = model_admin

    def __call__(self, request: HttpRequest, event: Event) -> HttpResponse:
        """The page, its changing part, or the replay of its dead letters."""
        if request.method == "POST":
            return self._replay(request, event)
        context = shown(event, request, self.model_admin.admin_site)
        context |= {"may_purge": self.model_admin.has_purge_permission(request)}
        context |= {"may_view_all": self.model_admin.may_view_all(request)}
        if not context["may_view_all"]:
            context |= {"merged": (), "why": ()}
        if "fragment" in request.GET:
            answer = render(request, "admin/invalidation/event/story.html", context)
            answer["X-Live-Seconds"] = str(context["refresh_seconds"])
            return answer
        context |= {"opts": self.model_admin.opts, **self.model_admin.admin_site.each_context(request)}
        return TemplateResponse(request, "admin/invalidation/event/status.html", context)

    def _replay(self, request: HttpRequest, event: Event) -> HttpResponse:
        if not self.model_admin.has_purge_permission(request):
            raise PermissionDenied
        keys = [row.pk for row in documents.deliveries_of(event) if row.status in DEAD_LETTERS]
        database = event._state.db or "default"
        number = replay(deliveries.on(database).filter(pk__in=keys), actor=request.user.get_username())
        level = messages.SUCCESS if number else messages.WARNING
        messages.add_message(request, level, f"{number} dead letter{'s are' if number != 1 else ' is'} replayed.")
        return redirect(request.path)


def shown(event: Event, request: HttpRequest, site: AdminSite) -> dict[str, Any]:
    """What the page shows of an event."""
    story = told(event)
    final = is_final(event, list(story.deliveries))
    return {
        "title": f"Purge: {event.reason or targets_summary(event.targets)}",
        "event": event,
        "merged": story.merged,
        "deliveries": story.deliveries,
        "moments": timeline(story),
        "open": still_open(story.deliveries),
        "dead": [row for row in story.deliveries if row.status in DEAD_LETTERS],
        "troubled": [row for row in story.deliveries if row.error and row.status != DeliveryStatus.PURGED],
        "took": duration(event.created_at, event.completed_at),
        "final": final,
        "over": event.status in documents.FINAL,
        "waits_long": waits_long(event),
        "refresh_seconds": 0 if final else _refresh_seconds(event),
        "objects": list(objects(event, request, site)),
        "again_url": again_url(event),
        "modes": list(modes(event)),
        "why": [(address, why_url(address)) for address in addresses(event)],
        "verifications": story.verifications,
    }


def waits_long(event: Event) -> float:
    """Seconds for which nobody has claimed it, where that is longer than its lane ever takes; 0 else."""
    seconds = (timezone.now() - event.created_at).total_seconds()
    return seconds if event.status == EventStatus.PENDING and seconds > stuck_seconds(event.lane) else 0.0


def told(event: Event) -> Story:
    """Everything that is stored of it, in as many statements for many nodes as for one."""
    database, batch = event._state.db or "default", event.batch
    rows = list(documents.deliveries_of(event))
    merged = events.on(database).filter(batch=batch).exclude(pk=event.pk).order_by("id") if batch else ()
    history = attempts.of_batches(database, {row.batch_id for row in rows})
    return Story(event, list(merged[:SHOWN_MERGED]), rows, list(history), list(documents.verifications_of(event)))


def is_final(event: Event, rows: list[Delivery]) -> bool:
    """Can nothing on the page change any more, later passes and verification included?"""
    verified = event.batch is None or event.batch.verified_at is not None
    ended = FINAL.issuperset(row.status for row in rows)
    return event.status in documents.FINAL and ended and verified


def _refresh_seconds(event: Event) -> int:
    young = (timezone.now() - event.created_at).total_seconds() < YOUNG_SECONDS
    return YOUNG_REFRESH_SECONDS if young else OLD_REFRESH_SECONDS


def objects(event: Event, request: HttpRequest, site: AdminSite) -> Iterator[tuple[str, str]]:
    """Objects that the event names, the one that was written first, with their pages in the admin."""
    tags = event.targets.get("tags", []) if isinstance(event.targets, dict) else []
    named = dict.fromkeys(filter(None, (OBJECT_TAG.match(str(text)) for text in (event.reason, *tags))))
    seen: set[str] = set()
    for found in named:
        if found[0] not in seen and len(seen) < SHOWN_OBJECTS and (url := _page_of(found[1], found[2], request, site)):
            seen.add(found[0])
            yield found[0], url


def _page_of(label: str, key: str, request: HttpRequest, site: AdminSite) -> str:
    """Of an object, for those who may see its model; "" else."""
    try:
        model: type[Model] = apps.get_model(label)
        known = site.get_model_admin(model) if site.is_registered(model) else None
        name = f"{site.name}:{model._meta.app_label}_{model._meta.model_name}_change"
        return reverse(name, args=[key]) if known and known.has_view_permission(request) else ""
    except (LookupError, ValueError, NoReverseMatch):
        return ""


def modes(event: Event) -> Iterator[tuple[str, str]]:
    """Tiers that it concerns and whose own mode, by the settings of today, is another than the event's."""
    settings = conf.settings()
    for tier in event.tiers.split(",") if event.tiers else settings.tiers:
        mode = settings.mode_at(tier, Manner(event.lane, event.mode))
        if mode != event.mode:
            yield tier, mode


def addresses(event: Event) -> list[str]:
    """The first that it names: why each is as it is can be asked."""
    named = event.targets.get("urls", []) if isinstance(event.targets, dict) else []
    return [address for address in named if isinstance(address, str)][:SHOWN_ADDRESSES]


def again_url(event: Event) -> str:
    """The form, filled with what this event purged."""
    if not isinstance(event.targets, dict):
        return ""
    asked = {kind: "\n".join(map(str, event.targets.get(kind, []))) for kind in ("tags", "urls", "prefixes")}
    asked["everything"] = "on" if event.targets.get("everything") else ""
    asked = {name: value for name, value in asked.items() if value}
    query = urlencode(
        {
            **asked,
            "reason": f"Again: {event.reason}"[:255] if event.reason else "",
            "lane": event.lane,
            "mode": event.mode,
        }
    )
    return f"{reverse('admin:invalidation_event_purge')}?{query}" if asked and len(query) < LONGEST_QUERY else ""
