"""Lists that can be read and searched but not written, and that stay fast over millions of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.core.exceptions import EmptyResultSet, FullResultSet
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from invalidation import conf
from invalidation.models import Event, ScheduledEvent
from invalidation.rows import unfinished
from invalidation.rows.events import UidRange
from invalidation.status.overview.alarms import lasted
from invalidation.templatetags.invalidation_admin import moment, mood

#: Text is looked for in the newest rows alone: no index finds words, and reading a million rows takes a second.
SEARCHED_ROWS = 50_000
#: By a column that no index need serve.
SORTED_ROWS = 10_000

Row = TypeVar("Row", Event, ScheduledEvent)


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs alone
    """Counts no further than `unfinished.COUNT_LIMIT` rows: COUNT(*) over millions takes seconds on PostgreSQL."""

    @cached_property
    def count(self) -> int:
        """Rows, or COUNT_LIMIT where there are more."""
        return unfinished.count([cast("QuerySet[Any]", self.object_list)])


class AnswerableList(ChangeList):
    """A list that was asked for the impossible says so: Django finds out about the year 0 when it asks the database."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Raises what the admin answers by its plain list."""
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        try:
            rows.query.get_compiler(rows.db).as_sql()
        except (EmptyResultSet, FullResultSet):
            pass
        except (ValueError, OverflowError) as error:
            raise IncorrectLookupParameters(error) from error
        return _newest(request, rows) if self.params.get(ORDER_VAR) else rows


def _newest(request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
    """As many as can be sorted by whatever column while somebody waits."""
    further = rows.order_by("-id").values_list("id", flat=True)[SORTED_ROWS : SORTED_ROWS + 1]
    if not (left_out := list(further)):
        return rows
    if request.method == "GET":
        messages.info(request, f"Only the newest {SORTED_ROWS:,} of these are sorted; filter for others.")
    return rows.filter(id__gt=left_out[0])


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    """Rows that the pipeline alone writes; people look at them."""

    actions_on_bottom = True
    list_per_page = 50
    ordering: ClassVar[tuple[str, ...]] = ("-id",)
    paginator = CappedPaginator
    show_facets = admin.ShowFacets.NEVER  # each facet is one more COUNT(*)
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The one above."""
        return AnswerableList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Rows of the first database that holds an outbox."""
        return super().get_queryset(request).using(conf.settings().databases[0])

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Among the newest rows, however few of them have the words."""
        if not search_term.strip():
            return queryset, False
        matching, may_repeat = super().get_search_results(request, queryset, search_term)
        newest = self.get_queryset(request).order_by("-id").values_list("id", flat=True).first() or 0
        return matching.filter(id__gt=newest - SEARCHED_ROWS), may_repeat

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The pipeline writes."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """History is not edited."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """`invalidation_prune` deletes."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Those who may purge may also see what became of it."""
        return self.may_view_all(request)

    def may_view_all(self, request: HttpRequest) -> bool:
        """May this user look at everybody's, and at how the whole does?"""
        return super().has_view_permission(request) or self.has_purge_permission(request)

    def has_purge_permission(self, request: HttpRequest) -> bool:
        """May this user enqueue purges and replay them?"""
        return request.user.has_perm("invalidation.purge")


@admin.display(description="status", ordering="status")
def standing(_: Any, row: Any) -> SafeString:
    """A column that shows at a glance which rows went wrong."""
    return format_html('<span class="inv-badge inv-{}">{}</span>', mood(row.status), row.get_status_display())


@admin.display(description="cause")
def cause(_: Any, row: Any) -> str:
    """`admin, ada: court order`."""
    who = ", ".join(filter(None, (row.source, row.actor)))
    return f"{who}: {row.reason}" if row.reason else who


def named(queryset: QuerySet[Row], term: str) -> Iterator[QuerySet[Row]]:
    """Those whose id begins so, then those with this correlation id: a range and a value of an index."""
    if begins := UidRange.of(term):
        yield begins.of_rows(queryset)
    if term:
        yield queryset.filter(correlation_id=term)


def uid_of(text: str) -> UUID | None:
    """Where an address names a row by the id that commands, logs and tasks show."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def tier_filter(column: str = "tier") -> type[admin.SimpleListFilter]:
    """A filter by configured tier: asking the table for its distinct values would read all of it."""

    class TierFilter(admin.SimpleListFilter):
        title = "tier"
        parameter_name = "tier"

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return [(name, name) for name in conf.settings().tiers]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{column: self.value()}) if self.value() else queryset

    return TierFilter


def link(model: str, pk: int | None, label: str) -> SafeString | str:
    """A link to the page of one row, or a dash where there is none."""
    if pk is None:
        return "-"
    return format_html('<a href="{}">{}</a>', reverse(f"admin:invalidation_{model}_change", args=[pk]), label)


def list_link(model: str, batch_id: int, label: str) -> SafeString:
    """A link to the rows of one batch."""
    url = reverse(f"admin:invalidation_{model}_changelist")
    return format_html('<a href="{}?batch__id__exact={}">{}</a>', url, batch_id, label)


def instant(column: str, words: str = "", nothing: str = "-") -> Callable[[Any, Model], SafeString | str]:
    """A column of a list or a page that shows an instant to the second: work comes in bursts."""

    @admin.display(description=words or column.replace("_", " "), ordering=column)
    def shown(_: Any, row: Model) -> SafeString | str:
        at: datetime | None = getattr(row, column)
        return moment(at) if at else nothing

    return shown


def duration(start: datetime, end: datetime | None) -> str:
    """`120 ms`, `1.2 s`, or a dash while there is no end."""
    return lasted((end - start).total_seconds()) if end else "-"
