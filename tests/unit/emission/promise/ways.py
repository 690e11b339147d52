"""Every public method of Django's ORM: those that change rows, each with a call of it, and those that only read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connections, models, transaction

from tests.unit.emission.databases import meeting
from tests.unit.emission.promise.stages import KINDS, Kind, Stage

Call = Callable[[Stage], Any]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to call a method that changes rows."""

    of: str
    """What has the method: `Model`, `QuerySet` (managers too), `related`."""
    method: str
    call: Call
    how: str = ""
    besides: tuple[str, ...] = ()
    """Kinds for which it changes nothing, or which do not have it."""

    @property
    def name(self) -> str:
        return f"{self.of}.{self.method}" + (f" ({self.how})" if self.how else "")

    def is_for(self, kind: Kind) -> bool:
        return (kind.related or self.of != "related") and kind.name not in self.besides


def _save_new(stage: Stage) -> None:
    stage.do(stage.new(), "save", using=stage.alias)


def _save_changed(stage: Stage) -> None:
    if hasattr(stage.row, "slug"):
        stage.row.slug = "changed"
    stage.row.note = "changed"
    stage.do(stage.row, "save")


def _save_column(stage: Stage) -> None:
    stage.row.note = "changed"
    stage.do(stage.row, "save", update_fields=["note"])


def _save_base(stage: Stage) -> None:
    stage.row.note = "changed"
    stage.do(stage.row, "save_base", using=stage.alias)


def _save_fixture(stage: Stage) -> None:
    stage.row.note = "changed"
    stage.do(stage.row, "save_base", using=stage.alias, raw=True)


def _delete(stage: Stage) -> None:
    stage.do(stage.row, "delete")


def _slugged(stage: Stage, slug: str) -> dict[str, Any]:
    return {"slug": slug, **stage.values} if hasattr(stage.row, "slug") else stage.values


def _key(row: Any) -> dict[str, Any]:
    return {"pk": row.pk}


def _create(stage: Stage) -> None:
    stage.do(stage.everything, "create", **_slugged(stage, "new"))


def _get_or_create(stage: Stage) -> None:
    stage.do(stage.everything, "get_or_create", **_slugged(stage, "new"))


def _update_or_create_new(stage: Stage) -> None:
    stage.do(stage.everything, "update_or_create", defaults={"note": "changed"}, **_slugged(stage, "new"))


def _update_or_create_old(stage: Stage) -> None:
    stage.do(stage.everything, "update_or_create", defaults={"note": "changed"}, **_key(stage.row))


def _bulk_create(stage: Stage) -> None:
    stage.do(stage.everything, "bulk_create", [stage.new()])


def _bulk_create_ignoring(stage: Stage) -> None:
    stage.do(stage.everything, "bulk_create", [stage.new()], ignore_conflicts=True)


def _bulk_create_updating(stage: Stage) -> None:
    unique = "slug" if hasattr(stage.row, "slug") else "id"
    rows = [stage.new("row")]
    rows[0].note = "changed"
    if unique == "id":
        rows[0].pk = stage.row.pk
    how = meeting(unique) | {"update_fields": ["note"]}
    stage.do(stage.everything, "bulk_create", rows, **how)


def _bulk_update(stage: Stage) -> None:
    stage.row.note = "changed"
    stage.do(stage.everything, "bulk_update", [stage.row], ["note"])


def _update(stage: Stage) -> None:
    columns = {"slug": "changed"} if hasattr(stage.row, "slug") else {"note": "changed"}
    stage.do(stage.everything.filter(pk=stage.row.pk), "update", **columns)


def _delete_rows(stage: Stage) -> None:
    stage.do(stage.everything.filter(pk=stage.row.pk), "delete")


def _raw(stage: Stage) -> None:
    """It is there to read, and runs whatever it is given."""
    if connections[stage.alias].vendor == "mysql":
        pytest.skip("It has no UPDATE … RETURNING, so that raw() is given no row.")
    options: Any = stage.model._meta.get_field("note").model._meta
    table = connections[stage.alias].ops.quote_name(options.db_table)
    key = ", ".join(f"{field.column}" for field in options.pk_fields)
    list(options.model._base_manager.using(stage.alias).raw(f"UPDATE {table} SET note = 'changed' RETURNING {key}"))


def _add(stage: Stage) -> None:
    stage.do(stage.manager, "add", stage.spare)


def _remove(stage: Stage) -> None:
    stage.do(stage.manager, "remove", stage.row)


def _clear(stage: Stage) -> None:
    stage.do(stage.manager, "clear")


def _set(stage: Stage) -> None:
    stage.do(stage.manager, "set", [stage.spare])


def _set_base(stage: Stage) -> None:
    stage.do(stage.manager, "set_base", [stage.spare])


def _set_fixture(stage: Stage) -> None:
    stage.do(stage.manager, "set_base", [stage.spare], raw=True)


def _related_create(name: str) -> Call:
    """By the manager itself, which joins what it creates."""

    def create(stage: Stage) -> None:
        stage.do(stage.manager, name, **_slugged(stage, "new"))

    return create


#: Related managers without a join table.
UNJOINED = ("`owner.owned`", "`node.children`", "`remarked.remarks`")

WAYS = (
    Way("Model", "save", _save_new, "inserts"),
    Way("Model", "save", _save_changed, "updates"),
    Way("Model", "save", _save_column, "`update_fields`"),
    Way("Model", "save_base", _save_base),
    Way("Model", "save_base", _save_fixture, "`raw=True`: fixtures", besides=("multi-table child",)),
    Way("Model", "delete", _delete),
    Way("QuerySet", "create", _create),
    Way("QuerySet", "get_or_create", _get_or_create),
    Way("QuerySet", "update_or_create", _update_or_create_new, "inserts"),
    Way("QuerySet", "update_or_create", _update_or_create_old, "updates"),
    Way("QuerySet", "bulk_create", _bulk_create),
    Way("QuerySet", "bulk_create", _bulk_create_ignoring, "`ignore_conflicts`"),
    Way("QuerySet", "bulk_create", _bulk_create_updating, "`update_conflicts`"),
    Way("QuerySet", "bulk_update", _bulk_update),
    Way("QuerySet", "update", _update),
    Way("QuerySet", "delete", _delete_rows),
    Way("QuerySet", "raw", _raw, "of a writing statement"),
    Way("related", "add", _add),
    Way("related", "remove", _remove),
    Way("related", "clear", _clear),
    Way("related", "set", _set),
    Way("related", "set_base", _set_base, "Django 6.1", besides=UNJOINED),
    Way("related", "set_base", _set_fixture, "`raw=True`: fixtures, Django 6.1", besides=UNJOINED),
    *(Way("related", name, _related_create(name)) for name in ("create", "get_or_create", "update_or_create")),
)

READING_MODELS = """
    check clean clean_fields date_error_message from_db full_clean get_constraints get_deferred_fields pk
    prepare_database_save refresh_from_db arefresh_from_db serializable_value unique_error_message
    validate_constraints validate_unique
"""
READING_ROWS = """
    aggregate alias all annotate as_manager auto_created complex_filter contains contribute_to_class count
    creation_counter dates datetimes db db_manager deconstruct defer difference distinct earliest exclude exists
    explain extra filter first from_queryset get get_queryset in_bulk intersection iterator last latest none only
    order_by ordered prefetch_related query resolve_expression reverse select_for_update select_related union
    use_in_migrations using values values_list fetch_mode totally_ordered
    aaggregate acontains acount aearliest aexists aexplain afirst aget ain_bulk aiterator alast alatest
"""
READING_RELATIONS = """
    constrained_target do_not_call_in_templates get_prefetch_cache get_prefetch_queryset get_prefetch_querysets
"""
READING = frozenset((READING_MODELS + READING_ROWS + READING_RELATIONS).split())


def methods(owner: Any) -> set[str]:
    """The public names of the class: what instances hold beside them is no method."""
    return {name for name in dir(owner) if not name.startswith("_")}


def offered() -> set[str]:
    """What Django offers in this version; `KINDS` must be stored to have related managers."""
    return methods(models.Model) | methods(models.Manager) | methods(models.QuerySet)


def related_methods() -> set[str]:
    """What the managers of relations offer; to be asked with a database at hand."""
    found: set[str] = set()
    for kind in KINDS:
        if kind.related:
            with transaction.atomic():
                found |= methods(type(kind.prepare().manager))
                transaction.set_rollback(True)
    return found


def classified() -> frozenset[str]:
    """What is known to read, and what a way below calls."""
    return READING | {way.method for way in WAYS} | {f"a{way.method}" for way in WAYS}
