"""An opt-in PostgreSQL trigger that records what raw SQL, other programs and Django's unseen writes change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from invalidation.emission.emit import TARGETS_PER_EVENT
from invalidation.emission.rules import model_tag
from invalidation.targets.values import Source

#: Which rows a statement touched, from PostgreSQL's transition tables (its manual, "CREATE TRIGGER"). An update that
#: changes nothing but ignored columns touches none.
ROWS = {
    "INSERT": "SELECT new_rows.{key} AS key FROM new_rows",
    "DELETE": "SELECT old_rows.{key} AS key FROM old_rows",
    "UPDATE": (
        "SELECT unnest(ARRAY[old_rows.{key}, new_rows.{key}]) AS key"
        " FROM old_rows FULL JOIN new_rows ON old_rows.{key} = new_rows.{key}"
        " WHERE to_jsonb(old_rows) - {ignored} IS DISTINCT FROM to_jsonb(new_rows) - {ignored}"
    ),
}
TABLES = {
    "INSERT": "NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
}
FUNCTION = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO invalidation_event
        (uid, created_at, source, actor, reason, correlation_id, lane, tiers, status, targets)
    SELECT gen_random_uuid(), clock_timestamp(), '{source}', '', '{verb} {table}', gen_random_uuid()::text,
        'editorial', '', 'pending', jsonb_build_object('tags', jsonb_build_array('{tag}') || jsonb_agg(tag))
    FROM (
        SELECT tag, (row_number() OVER () - 1) / {limit} AS part
        FROM (SELECT DISTINCT '{tag}:' || key AS tag FROM ({rows}) AS touched WHERE key IS NOT NULL) AS named
    ) AS numbered
    GROUP BY part;
    RETURN NULL;
END
$body$
"""


def trigger_name(table: str, verb: str) -> str:
    """Of the trigger and of its function; 63 bytes is PostgreSQL's limit for a name."""
    return f"invalidation_{verb.lower()}_{table}"[:63]


def installed(connection: BaseDatabaseWrapper) -> set[str]:
    """Tables of the database that have the trigger."""
    if connection.vendor != "postgresql":
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger"
            " WHERE tgname LIKE 'invalidation\\_update\\_%' AND NOT tgisinternal"
        )
        return {table.strip('"') for (table,) in cursor.fetchall()}


class InstallTrigger(Operation):
    """Record every INSERT, UPDATE and DELETE on the model's table as one event: its model tag and its object tags.

    The event is written by the database in the writing transaction; nobody announces it, so the sweep finds it.
    What the signals see is recorded by both, and merged when it is drained. Does nothing on other databases. The
    migration depends on `("invalidation", "0001_initial")`. TRUNCATE is not seen.
    """

    reversible = True

    def __init__(self, model_name: str, ignore: Sequence[str] = ()) -> None:
        """`ignore` names the columns that no cached copy shows, as `Rules.ignore` does."""
        self.model_name = model_name
        self.ignore = list(ignore)

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """The models stay as they are."""

    def describe(self) -> str:
        """For `migrate --plan`."""
        return f"Record writes to {self.model_name} in the outbox by trigger"

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Create or replace one function and one trigger per verb."""
        model = to_state.apps.get_model(app_label, self.model_name)
        for verb in ROWS if self._applies(app_label, schema_editor, model) else ():
            self._drop(schema_editor, model, verb)
            schema_editor.execute(self._function(schema_editor, model, verb), params=None)
            schema_editor.execute(self._trigger(schema_editor, model, verb), params=None)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Remove them."""
        model = from_state.apps.get_model(app_label, self.model_name)
        for verb in ROWS if self._applies(app_label, schema_editor, model) else ():
            self._drop(schema_editor, model, verb)

    def _applies(self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, model: type[models.Model]) -> bool:
        if not isinstance(model._meta.pk, models.IntegerField | models.UUIDField):
            raise ImproperlyConfigured(
                f"InstallTrigger writes tags from integer and UUID keys; {model._meta.label} has another."
            )
        connection = schema_editor.connection
        return connection.vendor == "postgresql" and self.allow_migrate_model(connection.alias, model)

    def _drop(self, schema_editor: BaseDatabaseSchemaEditor, model: type[models.Model], verb: str) -> None:
        quote, table = schema_editor.quote_name, model._meta.db_table
        name = quote(trigger_name(table, verb))
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name} ON {quote(table)}", params=None)
        schema_editor.execute(f"DROP FUNCTION IF EXISTS {name}()", params=None)

    def _function(self, schema_editor: BaseDatabaseSchemaEditor, model: type[models.Model], verb: str) -> str:
        quote = schema_editor.quote_name
        columns = [field.column for field in model._meta.local_fields if {field.name, field.attname} & {*self.ignore}]
        ignored = "ARRAY[" + ", ".join(f"'{column}'" for column in columns) + "]::text[]"
        values: dict[str, Any] = {
            "function": quote(trigger_name(model._meta.db_table, verb)),
            "source": Source.TRIGGER.value,
            "verb": verb,
            "table": model._meta.db_table,
            "tag": model_tag(model),
            "limit": TARGETS_PER_EVENT,
            "rows": ROWS[verb].format(key=quote(model._meta.pk.column or ""), ignored=ignored),
        }
        return FUNCTION.format(**values)

    def _trigger(self, schema_editor: BaseDatabaseSchemaEditor, model: type[models.Model], verb: str) -> str:
        quote, table = schema_editor.quote_name, model._meta.db_table
        name = quote(trigger_name(table, verb))
        return (
            f"CREATE TRIGGER {name} AFTER {verb} ON {quote(table)} REFERENCING {TABLES[verb]}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )
