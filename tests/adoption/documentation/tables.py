"""Turns the models and their migrations' indexes into docs/reference/database.md.

`python -m tests.adoption.documentation.tables` writes it.
"""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from invalidation.targets.values import Source
from tests.adoption.documentation.commands import ROOT

if TYPE_CHECKING:
    from django.db import models

PAGE = ROOT / "docs/reference/database.md"
BEGINNING = """# Database

Seven tables, in every database that `DATABASES` names: an event stands in the one that was written to, so that it
commits with the change. All instants are in UTC. Where a meaning says nothing of emptiness, an empty text stands for
"not known".

This page is generated: `python -m tests.adoption.documentation.tables`.
"""
#: Columns that more than one table has.
SHARED = {
    "id": "Primary key.",
    "batch": "The batch that it belongs to.",
    "tier": "Name of the tier, as the settings have it.",
    "node": "Base URL of the node; empty for a tier without any.",
    "mode": "What becomes of the copies: `delete`, `invalidate` or `refresh`.",
    "lane": "How urgent it is: `takedown`, `editorial` or `bulk`.",
    "uid": "The id that people and other programs see.",
    "source": "What recorded it: one of " + ", ".join(f"`{source}`" for source in Source.values) + ".",
    "actor": "Who did it, where that is known.",
    "reason": "Why, in the words of whoever asked.",
    "correlation_id": "Ties together what one request or task has caused, in rows and in logs.",
    "traceparent": "Where in a trace its cause stood, as the header of this name; empty where nobody traces.",
    "targets": "Tags, URLs, prefixes, keys, or everything. Kinds that are empty are left out.",
}
#: What the models don't say themselves, because the name does.
COLUMNS = {
    "Event.created_at": "When it was stored.",
    "Event.completed_at": "When the last delivery of its batch became final.",
    "Event.status": "`pending`, `claimed`, `done` or `dead`.",
    "Event.claimed_at": "When a drain took it.",
    "Event.batch": "What it was merged into; null while it is pending.",
    "Batch.created_at": "When a drain claimed its events.",
    "Batch.completed_at": "When its last delivery became final.",
    "Batch.event_count": "How many events were merged.",
    "Batch.sequence": "The number that was drawn for it: a page with a greater one is newer. Null until it is drawn.",
    "Batch.status": "`running`, `done` or `dead`.",
    "Delivery.delivery_pass": "`purge`, `repeat` or `rebound`: why it exists.",
    "Delivery.status": "See [statuses](statuses.md).",
    "Delivery.attempts": "How often the node was asked; being put off doesn't count.",
    "Delivery.created_at": "When it was stored.",
    "Delivery.available_at": "Nobody tries it before this instant; while it runs, the end of its lease.",
    "Delivery.started_at": "When its first attempt began.",
    "Delivery.completed_at": "When it became final.",
    "Delivery.calls": "Calls that were made.",
    "Delivery.removed": "Copies that the cache says it has removed; null where it doesn't count.",
    "Delivery.milliseconds": "How long the newest attempt took.",
    "Delivery.external_id": "The vendor's id of the job that is followed.",
    "Delivery.reply": "The cache's own words, without secrets.",
    "Delivery.error": "Why the newest attempt failed.",
    "Delivery.replayed_at": "When it was returned to pending.",
    "ScheduledEvent.created_at": "When it was stored.",
    "ScheduledEvent.due_at": "The instant at which it becomes an event.",
    "Verification.url": "The page that was asked for.",
    "Verification.checked_at": "When the node was asked.",
}
INDEXES = {
    "invalidation_batch_created": "The admin's list, and pruning.",
    "invalidation_batch_running": "The status counts what is under way, and how old it is; the sweep looks after it.",
    "invalidation_batch_rebound": "Beat asks which rebounds are due.",
    "invalidation_batch_refresh": "Beat asks which batches of that mode are to be fetched again.",
    "invalidation_batch_verify": "Beat asks which batches are to be verified.",
    "invalidation_event_pending": "A drain claims the most urgent events, the oldest first.",
    "invalidation_event_created": "The admin's list, and pruning.",
    "invalidation_event_correlate": "From a log line or a trace to its events.",
    "invalidation_scheduled_owner": "A row that is written again replaces its instants; a page asks for the next one.",
    "invalidation_scheduled_model": "A list asks for its model's next instant. A purge that was asked for has none.",
    "invalidation_delivery_tier": "The barrier between tiers asks for a batch's deliveries at one tier.",
    "invalidation_delivery_first": "The barrier asks whether any delivery of a tier was never attempted.",
    "invalidation_delivery_due": "The sweep asks what is due.",
    "invalidation_delivery_status": "The admin's filters, the status and metrics.",
    "invalidation_verified_at": "Pruning, and the budget of requests a minute.",
    "invalidation_stale": "Verification asks whether a copy that it finds old was found old lately; the dashboard.",
}


def page() -> str:
    """The page of the documentation."""
    from django.apps import apps

    return BEGINNING + "".join(map(_section, apps.get_app_config("invalidation").get_models()))


def _section(model: type[models.Model]) -> str:
    options = model._meta
    columns = [_column(model, field) for field in options.concrete_fields]
    single = [_unique(field) for field in options.concrete_fields]
    indexes = ["| primary key | `id` | | |\n", *single, *map(_index, options.indexes)]
    return (
        f"\n## {options.db_table}\n{' '.join((inspect.getdoc(model) or '').split())}\n\n"
        f"| column | type | meaning |\n|---|---|---|\n{''.join(columns)}\n"
        f"| index | columns | only where | for |\n|---|---|---|---|\n{''.join(indexes)}"
    )


def _column(model: type[models.Model], field: models.Field[Any, Any]) -> str:
    kind = field.get_internal_type().removesuffix("Field")
    length = f"({field.max_length})" if field.max_length else ""
    null = ", or null" if field.null else ""
    return f"| `{field.column}` | {kind}{length}{null} | {meaning(model, field.name)} |\n"


def meaning(model: type[models.Model], name: str) -> str:
    """What a column means: the string below its field, or what stands here."""
    told = {key: text for parent in model.__mro__ for key, text in _told(parent).items()}
    return COLUMNS.get(f"{model.__name__}.{name}") or told.get(name) or SHARED[name]


def _told(model: type) -> dict[str, str]:
    if not model.__module__.startswith("invalidation"):
        return {}
    [declaration] = ast.parse(inspect.getsource(model)).body
    assert isinstance(declaration, ast.ClassDef)
    return {
        ast.unparse(field.targets[0]): " ".join(str(text.value.value).split())
        for field, text in pairwise(declaration.body)
        if isinstance(field, ast.Assign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def _unique(field: models.Field[Any, Any]) -> str:
    if field.primary_key or not (field.unique or getattr(field, "db_index", False)):
        return ""
    kind = "unique" if field.unique else "index"
    purpose = _UNIQUE.get(f"{field.model.__name__}.{field.name}") or _PLAIN[kind, field.is_relation]
    return f"| {kind} | `{field.column}` | | {purpose} |\n"


_PLAIN = {
    ("unique", False): "From the id that people see to the row.",
    ("index", False): "Beat asks which are due.",
    ("index", True): "From a batch, or a delivery, to what belongs to it.",
}


_UNIQUE = {"Sample.minute_at": "A minute is counted once; charts ask for a day, pruning for what is older."}


def _index(index: models.Index) -> str:
    columns = ", ".join(f"`{name}`" for name in index.fields)
    condition = " and ".join(_told_of(key, value) for key, value in _conditions(index))
    return f"| `{index.name}` | {columns} | {condition} | {INDEXES[index.name]} |\n"


def _conditions(index: models.Index) -> list[tuple[str, Any]]:
    return [(key, value) for key, value in index.condition.children] if index.condition else []  # type: ignore[misc]


def _told_of(key: str, value: Any) -> str:
    column, _, lookup = key.partition("__")
    if lookup == "isnull":
        return f"`{column}` is {'null' if value else 'set'}"
    return f"`{column}` is {' or '.join(f'`{one}`' for one in value)}" if lookup else f"`{column}` is `{value}`"


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.test")
    django.setup()
    PAGE.write_text(page())
