"""The dashboard: what is wrong and what to do, refreshed in place; and the replay of what has one cause."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import reverse

from invalidation import conf, doctor
from invalidation.admin.base import ReadOnlyAdmin
from invalidation.admin.pages.charts import drawn
from invalidation.pipeline import replay
from invalidation.rows import deliveries
from invalidation.status.overview.alarms import Alarm, alarms
from invalidation.status.overview.board import Board, board
from invalidation.status.overview.causes import Cause
from invalidation.status.words import diagnose

#: How often a page that somebody looks at asks for what has changed.
REFRESH_SECONDS = 4
#: Dead letters that are looked at, and replayed, at once; a second press does the rest.
AT_ONCE = 5000
#: What the link to more of an alarm says, where "Show them" would not.
LINKS = {"doctor": "Its report"}


class DashboardView:
    """`?fragment` is the part that changes, for the page's own script."""

    __name__ = "DashboardView"

    def __init__(self, model_admin: ReadOnlyAdmin) -> None:
        self.model_admin = model_admin

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The page, or its changing part."""
        if not self.model_admin.may_view_all(request):
            raise PermissionDenied
        context = shown(board(doctor.remembered())) | {"may_purge": self.model_admin.has_purge_permission(request)}
        if "fragment" in request.GET:
            return render(request, "admin/invalidation/event/board.html", context)
        context |= {"title": "Dashboard", "opts": self.model_admin.opts, "refresh_seconds": REFRESH_SECONDS}
        context |= self.model_admin.admin_site.each_context(request)
        return TemplateResponse(request, "admin/invalidation/event/overview.html", context)


class ReplayView:
    """Replays the dead letters of one node that have one cause."""

    __name__ = "ReplayView"

    def __init__(self, model_admin: ReadOnlyAdmin) -> None:
        self.model_admin = model_admin

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """A form of the dashboard: `tier`, `node` and the cause in `words`."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.model_admin.has_purge_permission(request):
            raise PermissionDenied
        asked = (request.POST.get("tier", ""), request.POST.get("node", ""), request.POST.get("words", ""))
        number = sum(
            _replay(database, *asked, actor=request.user.get_username()) for database in conf.settings().databases
        )
        level = messages.SUCCESS if number else messages.WARNING
        messages.add_message(request, level, f"{number} dead letter{'s are' if number != 1 else ' is'} replayed.")
        return redirect("admin:invalidation_event_overview")


def _replay(database: str, tier: str, node: str, words: str, *, actor: str) -> int:
    """Those whose error means the same."""
    dead = deliveries.dead_letters(database).filter(tier=tier, node=node).values_list("pk", "error")[:AT_ONCE]
    keys = [key for key, error in dead if diagnose(error).words == words]
    return replay(deliveries.on(database).filter(pk__in=keys), actor=actor) if keys else 0


def shown(seen: Board) -> dict[str, Any]:
    """What the template needs of a board."""
    found = alarms(seen)
    return {
        "board": seen,
        "alarms": [
            {"alarm": alarm, "url": _url(alarm), "link": LINKS.get(alarm.leads_to, "Show them")} for alarm in found
        ],
        "mood": _mood(seen, found),
        "charts": [drawn(curve) for curve in seen.curves],
    }


def _mood(seen: Board, found: list[Alarm]) -> str:
    """`bad`, `warn`, `busy` or `well`: the colour of the first line."""
    if any(alarm.bad for alarm in found):
        return "bad"
    if found:
        return "warn"
    return "busy" if seen.waiting or seen.running else "well"


def _url(alarm: Alarm) -> str:
    """Where more of it stands."""
    if alarm.cause:
        return deliveries_url(alarm.cause)
    if alarm.leads_to == "events":
        return f"{reverse('admin:invalidation_batch_changelist')}?status__exact=running"
    if alarm.leads_to.startswith("lane "):
        query = {"status__exact": "pending", "lane__exact": alarm.leads_to.partition(" ")[2]}
        return f"{reverse('admin:invalidation_event_changelist')}?{urlencode(query)}"
    if alarm.leads_to == "doctor":
        return reverse("admin:invalidation_event_doctor")
    return f"#{alarm.leads_to}" if alarm.leads_to else ""


def deliveries_url(cause: Cause) -> str:
    """The list of what has this cause, of one status: the worst."""
    status = min(cause.statuses, key=_rank)
    query = {"tier": cause.place.tier, "status__exact": status}
    return f"{reverse('admin:invalidation_delivery_changelist')}?{urlencode(query)}"


def _rank(status: str) -> int:
    worst = ("dead", "rejected", "failed", "deferred")
    return worst.index(status) if status in worst else len(worst)
