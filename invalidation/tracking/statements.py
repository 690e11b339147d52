"""What one statement of the ORM adds to what was read: rows that were asked for or found, lists, what has no tag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db.models import Model
from django.db.models.sql.compiler import SQLCompiler

from invalidation import lazy
from invalidation.tracking import clock, conditions, naming
from invalidation.tracking.collector import Origin, Readings
from invalidation.tracking.conditions import Literals
from invalidation.tracking.shapes import Shape, shape_of

logger = lazy.Logger(__name__)

#: Rows of a result, as the database gave them, in portions.
Portions = Iterable[Sequence[Sequence[Any]]]
NOT_UNDERSTOOD = "a query that could not be understood"


def note(
    readings: Readings, compiler: SQLCompiler, sql: str, params: Any, portions: Portions | None
) -> Callable[[Portions], None]:
    """Add what the statement depends on; a page never fails for it. Returns what is to be told of rows to come.

    `portions` is None where the rows come later.
    """
    try:
        literals = conditions.literals(compiler.query.where)
        shape = shape_of(compiler, sql, literals)
        _note_lists(readings, shape, literals, params)
        found = None if portions is None else _note_rows(readings, shape, portions)
        _note_unique(readings, shape, literals, found)
        if readings.explains:
            readings.explain(_origin(sql, shape, literals, found))
    except Exception:
        logger.exception("tracking_failed", sql=sql)
        readings.name([NOT_UNDERSTOOD])
        return lambda _: None

    def note_later(later: Portions) -> None:
        _note_rows(readings, shape, later)

    return note_later


def _note_lists(readings: Readings, shape: Shape, literals: Literals, params: Any) -> None:
    readings.lists.update(shape.lists)
    readings.untagged.update(shape.unknown)
    for model, column in shape.asked:
        readings.add_rows(model, literals[column])
    for model, column in shape.parts:
        readings.add_part(model, column[1], literals[column])
    if not shape.is_timed and clock.is_now(params, readings.begun_at):
        readings.name([clock.WHAT])


def _note_rows(readings: Readings, shape: Shape, portions: Portions) -> dict[int, set[Any]]:
    """Keys of the rows that were found, by their place in a row."""
    found: dict[int, set[Any]] = {}
    for model, place in shape.rows:
        stored = {row[place] for portion in portions for row in portion} - {None}
        found[place] = {naming.key_of(model, key) for key in stored}
        readings.add_rows(model, found[place])
    return found


def _note_unique(readings: Readings, shape: Shape, literals: Literals, found: dict[int, set[Any]] | None) -> None:
    """A row that isn't there may come."""
    readings.lists.update(_missed(shape, literals, found))


def _missed(shape: Shape, literals: Literals, found: dict[int, set[Any]] | None) -> list[type[Model]]:
    """Models of which a row was asked for by a value that none has, as far as is known."""
    return [
        model
        for model, place, column in shape.unique
        if found is None or len(found.get(place, ())) < len(set(literals[column]))
    ]


def _origin(sql: str, shape: Shape, literals: Literals, found: dict[int, set[Any]] | None) -> Origin:
    asked = [(model, key) for model, column in shape.asked for key in literals[column]]
    shown = [(model, key) for model, place in shape.rows for key in (found or {}).get(place, ())]
    lists = (*shape.lists, *_missed(shape, literals, found))
    parts = [(model, column[1], value) for model, column in shape.parts for value in literals[column]]
    return Origin(sql, lists, tuple(dict.fromkeys([*asked, *shown])), tuple(parts))
