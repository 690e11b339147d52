"""What an editor sees of purges on the own objects: a word after saving, and the history of one object's purges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from invalidation import conf, context
from invalidation.admin.pages.why import why_url
from invalidation.commit_hooks import after_commit
from invalidation.emission.rules import object_tag
from invalidation.models import Event
from invalidation.pipeline.intake.claim import batched
from invalidation.pipeline.planning.impact import reach
from invalidation.rows import events
from invalidation.targets.values import Source, Targets, union

#: Events that a save may cause and that are looked at for the word about it.
MOST_EVENTS = 20
#: Among so many of the newest events an object's own are looked for, and so many of them are shown.
SEARCHED_EVENTS, SHOWN_EVENTS = 20_000, 20
#: Of many selected objects those that the reason of their purge names.
NAMED = 3


@contextmanager
def telling(request: HttpRequest) -> Iterator[None]:
    """Leave a word about the purges of what is written inside, once they are stored: at once, or after the request."""
    database = conf.settings().databases[0]
    newest = events.on(database).order_by("-id").values_list("id", flat=True).first() or 0
    yield
    after_commit(database, _tell, request, database, newest)


def _tell(request: HttpRequest, database: str, newest: int) -> None:
    """By who caused them. A message may be added until the response leaves, whether or not requests are atomic."""
    username = request.user.get_username()
    caused = events.on(database).filter(pk__gt=newest, source=Source.SIGNAL, actor=username).order_by("-id")
    if same := context.correlation_id():
        caused = caused.filter(correlation_id=same)
    if stored := list(caused[:MOST_EVENTS]):
        messages.info(request, announced(stored))


def announced(stored: Iterable[Event]) -> SafeString:
    """`Purging up to 3 pages in 4 tiers.`, and a link."""
    rows = list(stored)
    url = reverse("admin:invalidation_event_change", args=[rows[0].pk])
    words = f"Purging {_pages(rows)} in {_tiers(len(conf.settings().tiers))}."
    return format_html('{} <a href="{}">Follow the purge</a>', words, url)


def _pages(rows: Iterable[Event]) -> str:
    """As many as are known to carry what is purged; what can't be counted is not guessed."""
    reached = reach(batched([union(Targets.from_document(row.targets) for row in rows)]))
    if not reached.counted or not reached.urls:
        return "its pages"
    return f"up to {reached.urls:,} page{'s' * (reached.urls != 1)}"


def _tiers(number: int) -> str:
    return f"{number} tier{'s' * (number != 1)}"


def selected(instances: Sequence[Model]) -> str:
    """`5 selected: Tea, Coffee, Milk and 2 more`."""
    named, more = ", ".join(map(str, instances[:NAMED])), len(instances) - NAMED
    return f"{len(instances)} selected: {named}{f' and {more} more' if more > 0 else ''}"


def why(instance: Model) -> str:
    """Where to ask why the object's own page is as it is; "" where it has none."""
    with suppress(NoReverseMatch):
        own: Callable[[], str] | None = getattr(instance, "get_absolute_url", None)
        return why_url(own()) if own else ""
    return ""


def history(instance: Model, request: HttpRequest, *, everybodys: bool) -> QuerySet[Any]:
    """The newest purges that name this object: everybody's, or those of the user's own changes."""
    tag = object_tag(type(instance), instance.pk)
    rows = events.naming(conf.settings().databases[0], tag, SEARCHED_EVENTS)
    return (rows if everybodys else rows.filter(actor=request.user.get_username()))[:SHOWN_EVENTS]
