"""Remembers the row that an instance was loaded from, for next to nothing: the values that Django read are kept as is.

They become a state (`emission.state`) when the instance is written, which most that are loaded never are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

from django.db.models import Model

from invalidation.emission.rows.columns import changeable, detached, ordered_columns

#: Attribute of an instance that holds what is remembered of its row: as it was loaded, or as `state.States`.
STATES = "_invalidation_states"

Values = Sequence[Any]


def watch(model: type[Model], refreshed: Callable[[Model, Iterable[str] | None], None]) -> None:
    """Remember each instance that is loaded; tell of each that is read again. Harmless to repeat."""
    _wrap(model, "from_db", _remembering(model))
    _wrap(model, "__getstate__", _forgetting)
    _wrap(model, "refresh_from_db", _telling(refreshed))


def row_of(model: type[Model], loaded: Values | dict[str, Any]) -> dict[str, Any]:
    """What was loaded, by column."""
    return loaded if isinstance(loaded, dict) else dict(zip(ordered_columns(model), loaded, strict=True))


def _wrap(model: type[Model], name: str, wrapping: Callable[[Any], Any]) -> None:
    """Replace a method by one that calls it; what a parent model has been given is replaced, not wrapped again."""
    if hasattr(model.__dict__.get(name), "is_watching"):
        return
    method = getattr(model, name)
    function = getattr(method, "__func__", method)
    wrapped = wrapping(getattr(function, "__wrapped__", function) if hasattr(function, "is_watching") else function)
    wrapped.is_watching = True
    setattr(model, name, classmethod(wrapped) if hasattr(method, "__func__") else wrapped)


def _remembering(model: type[Model]) -> Callable[[Any], Any]:
    """Of `from_db`, which runs for every row that is loaded: hence no more than an assignment."""
    names, watched = ordered_columns(model), changeable(model)

    def wrapping(load: Any) -> Any:
        @wraps(load)
        def from_db(cls: type[Model], db: str | None, field_names: Sequence[str], values: Values, **how: Any) -> Any:
            instance = load(cls, db, field_names, values, **how) if how else load(cls, db, field_names, values)
            whole = len(values) == len(names)
            if watched or not whole:
                row = dict(zip(names if whole else field_names, values, strict=True))
                instance._invalidation_states = _with_copies(instance, row, watched)
            else:  # the garbage collector leaves a tuple of plain values alone, and visits every list
                instance._invalidation_states = tuple(values)
            return instance

        return from_db

    return wrapping


def _with_copies(instance: Model, row: dict[str, Any], watched: Iterable[str]) -> dict[str, Any]:
    """The row with copies of what may be changed in place, as the instance shows it."""
    for name in row.keys() & watched:
        row[name] = detached(instance.__dict__.get(name))
    return row


def _forgetting(state_of: Any) -> Any:
    """Of `__getstate__`: pickles (a cached instance) and copies remember nothing, for the row may be newer."""

    @wraps(state_of)
    def forgetting(self: Model) -> Any:
        state = state_of(self)
        if isinstance(state, dict):
            state.pop(STATES, None)
        return state

    return forgetting


def _telling(refreshed: Callable[[Model, Iterable[str] | None], None]) -> Callable[[Any], Any]:
    """Of `refresh_from_db`, for which Django has no signal."""

    def wrapping(refresh: Any) -> Any:
        @wraps(refresh)
        def refresh_from_db(
            self: Model, using: str | None = None, fields: Iterable[str] | None = None, **how: Any
        ) -> None:
            names = None if fields is None else list(fields)
            refresh(self, using=using, fields=names, **how)
            refreshed(self, names)

        return refresh_from_db

    return wrapping
