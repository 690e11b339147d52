"""Deliveries: what each tier node did, and the replay of dead letters."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from invalidation.admin.base import SEARCHED_ROWS, ReadOnlyAdmin, instant, link, standing, tier_filter
from invalidation.models import Delivery, DeliveryStatus
from invalidation.pipeline import replay
from invalidation.rows.states import DEAD_LETTERS, FINAL
from invalidation.status import timeline, words

#: Of one call that are shown.
MOST_ITEMS = 50


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Read-only list with one action: replay."""

    actions = ("replay_selected",)
    list_display = (
        *("id", "batch_link", "where", "delivery_pass", "standing", "short_error", "attempts", "removed"),
        *("took_ms", "created"),
    )
    list_filter = ("status", tier_filter(), "delivery_pass", "created_at")
    search_fields = ("node__startswith", "external_id__exact", "error__icontains")
    search_help_text = (
        "Beginning of a node's address, an external id, or words of an error, "
        f"in the newest {SEARCHED_ROWS:,} deliveries"
    )
    fields = (
        *("standing", "outcome", "remedy", "error", "reply", "tier", "node", "delivery_pass", "batch_link"),
        *("attempts", "calls", "took_ms", "decided", "external_id", "left"),
        *("created", "started", "attempted", "completed", "available"),
    )
    readonly_fields = fields

    standing = standing
    created, available = instant("created_at"), instant("available_at", "asked again at")
    started, completed = instant("started_at", "newest attempt at"), instant("completed_at")
    attempted = instant("attempted_at", "first attempt ended at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Without the long columns; the page of one delivery loads them."""
        return super().get_queryset(request).defer("steps", "decisions", "reply")

    def get_fields(self, request: HttpRequest, obj: Delivery | None = None) -> list[Any]:
        """Without those that have nothing to say of this one; where all is well, the cache's own answer stands last."""
        silent = _silent(obj) if obj else set()
        shown = [name for name in self.fields if name not in silent]
        if obj and obj.reply and obj.status == DeliveryStatus.PURGED:
            shown.append(shown.pop(shown.index("reply")))
        return shown

    @admin.display(description="batch", ordering="batch_id")
    def batch_link(self, delivery: Delivery) -> SafeString | str:
        """Link to the batch."""
        return link("batch", delivery.batch_id, str(delivery.batch_id))

    @admin.display(description="tier and node", ordering="tier")
    def where(self, delivery: Delivery) -> str:
        """`varnish 127.0.0.1:6081`."""
        return words.place(delivery.tier, delivery.node)

    @admin.display(description="how it ended")
    def outcome(self, delivery: Delivery) -> str:
        """In words; the cache's own stand below."""
        return timeline.end_in_words(delivery, delivery.status, delivery.error)

    @admin.display(description="ms", ordering="milliseconds")
    def took_ms(self, delivery: Delivery) -> str:
        """Time in calls to the cache."""
        return "-" if delivery.milliseconds is None else f"{delivery.milliseconds:,.1f}"

    @admin.display(description="what to do")
    def remedy(self, delivery: Delivery) -> str:
        """About its error."""
        return words.diagnose(delivery.error).remedy if delivery.error else "-"

    @admin.display(description="decisions")
    def decided(self, delivery: Delivery) -> SafeString | str:
        """What the plan was widened for."""
        return format_html_join("", "<div>{}</div>", ((text,) for text in delivery.decisions)) or "-"

    @admin.display(description="calls that are left")
    def left(self, delivery: Delivery) -> SafeString | str:
        """As they were planned; what another program may have written is shown as it is."""
        steps = [step if isinstance(step, dict) else {"verb": step} for step in delivery.steps or ()]
        rows = ((_verb(step), _items(step.get("items"))) for step in steps)
        return format_html_join("", "<div><strong>{}</strong> {}</div>", rows) or "-"

    @admin.display(description="error", empty_value="")
    def short_error(self, delivery: Delivery) -> str:
        """In words; the delivery's own page has the provider's."""
        return words.diagnose(delivery.error).words if delivery.error else ""

    @admin.action(description="Replay selected deliveries", permissions=["purge"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Give dead letters among the selected another life; the others are left alone."""
        dead = list(queryset.filter(status__in=DEAD_LETTERS))
        with transaction.atomic(using=queryset.db):
            number = replay(queryset, actor=request.user.get_username())
            LogEntry.objects.log_actions(cast("int", request.user.pk), dead, CHANGE, "Replayed.")
        level = messages.SUCCESS if number else messages.WARNING
        self.message_user(request, f"{number} of the selected deliveries were dead letters and are replayed.", level)


def _silent(delivery: Delivery) -> set[str]:
    """Fields of which there is nothing to show."""
    said: dict[str, Any] = {name: getattr(delivery, name) for name in ("error", "reply", "external_id")}
    said |= {"remedy": delivery.error, "decided": delivery.decisions, "left": delivery.steps}
    said |= {"available": delivery.status not in FINAL, "completed": delivery.completed_at}
    return {name for name, value in said.items() if not value}


def _verb(step: dict[str, Any]) -> str:
    """`purge tags`."""
    return str(step.get("verb", "")).replace("_", " ")


def _items(items: Any) -> str:
    """The first of them."""
    shown = [
        str(item.get("key", item) if isinstance(item, dict) else item)
        for item in (items if isinstance(items, list) else ())
    ]
    more = f" and {len(shown) - MOST_ITEMS} more" if len(shown) > MOST_ITEMS else ""
    return ", ".join(shown[:MOST_ITEMS]) + more
