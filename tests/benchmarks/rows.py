"""Millions of rows of the app, written by PostgreSQL itself; `python -m … EVENTS LANE` stores events to drain."""

from __future__ import annotations

import sys

import django
from django.db import connection
from django.db.models import Model


def multiply(pattern: Model, rows: int, **expressions: str) -> None:
    """So many copies of an unsaved row; `expressions` of SQL, over the number `n`, for the columns that differ."""
    columns = [field for field in pattern._meta.concrete_fields if not field.primary_key]
    names = ", ".join(connection.ops.quote_name(field.column or "") for field in columns)
    values = ", ".join(expressions.get(field.column or "", "%s") for field in columns)
    plain = [
        field.get_db_prep_save(getattr(pattern, field.attname), connection)
        for field in columns
        if field.column not in expressions
    ]
    table = connection.ops.quote_name(pattern._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({names}) SELECT {values} FROM generate_series(1, {rows}) AS n", plain)
        cursor.execute(f"ANALYZE {table}")


def pending(rows: int, pages: int, *, lane: str = "editorial", source: str = "save") -> None:
    """Events that nobody has claimed, over so many pages."""
    from invalidation.models import Event

    page = f"(n % {pages})".replace("%", "%%")
    targets = (
        f"jsonb_build_object('tags', jsonb_build_array('blog.post', 'blog.post:' || {page}), "
        f"'urls', jsonb_build_array('/blog/' || {page} || '/'))"
    )
    multiply(Event(source=source, lane=lane), rows, uid="gen_random_uuid()", targets=targets)


def history(rows: int) -> None:
    """So many events that are done, each with a batch and a delivery of its own."""
    from invalidation.models import Batch, Delivery, Event

    first = 1 + (Batch.objects.order_by("-id").values_list("id", flat=True).first() or 0)
    targets = {"tags": ["blog.post", "blog.post:1"], "urls": ["/blog/x/", "/blog/", "/"]}
    at = "now() - n * interval '1 second'"
    done = {"status": "done", "targets": targets}
    ended = {"created_at": at, "completed_at": at}
    multiply(Batch(event_count=1, sequence=1, **done), rows, verified_at=at, **ended)
    event = Event(source="save", actor="editor", reason="changed", correlation_id="x", **done)
    multiply(event, rows, uid="gen_random_uuid()", claimed_at=at, batch_id=f"{first} + n - 1", **ended)
    delivery = Delivery(tier="varnish", node="http://varnish", status="purged", attempts=1, calls=4, reply="200 Purged")
    multiply(delivery, rows, batch_id=f"{first} + n - 1", available_at=at, attempted_at=at, **ended)


def main(events: int, lane: str) -> None:
    """Store and announce them."""
    from invalidation.pipeline.intake.drain import announce_rest

    pending(events, events, lane=lane, source="bulk")
    announce_rest("default")


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]), sys.argv[2])
