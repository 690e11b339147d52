"""Old states: what a registered instance was when it was loaded, without a query."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.db import transaction
from django.db.models import ForeignKey, Model

#: Attribute of an instance that holds its remembered states, the newest last. More than one while a
#: transaction is open: a rollback tells nobody, so nothing is forgotten before a commit.
STATES = "_invalidation_states"

State = dict[str, Any]


@cache
def _names(model: type[Model]) -> frozenset[str]:
    return frozenset(field.attname for field in model._meta.concrete_fields)


def _kept(value: Any) -> Any:
    """The value, copied where it could be changed in place (JSON, arrays)."""
    return copy.deepcopy(value) if isinstance(value, dict | list | set | bytearray) else value


def _read(instance: Model) -> State:
    """The loaded concrete fields; deferred ones are absent."""
    names = _names(type(instance))
    return {name: _kept(value) for name, value in instance.__dict__.items() if name in names}


def remember(instance: Model) -> None:
    """Take the present state as the only one."""
    instance.__dict__[STATES] = [_read(instance)]


def advance(instance: Model, using: str) -> None:
    """After a write: the present state is the newest; older ones count until the transaction commits."""
    states = instance.__dict__.setdefault(STATES, [])
    state = _read(instance)
    if not states or states[-1] != state:
        states.append(state)
    if len(states) > 1:
        transaction.on_commit(lambda: remember_newest(instance, state), using=using)


def remember_newest(instance: Model, state: State) -> None:
    """A commit made `state` the truth: forget what came before it."""
    states = instance.__dict__.get(STATES, [])
    position = next((place for place, known in enumerate(states) if known is state), None)
    if position is not None:
        del states[:position]


def changed(instance: Model) -> set[str]:
    """Names of the fields that differ from any remembered state."""
    now = instance.__dict__
    return {
        name
        for state in instance.__dict__.get(STATES, [])
        for name, value in state.items()
        if name in now and not _same(now[name], value)
    }


def _same(one: Any, other: Any) -> bool:
    """Equal values; expressions such as F('views') + 1 are never the same."""
    return one is other or bool(not hasattr(one, "resolve_expression") and one == other)


def previous(instance: Model) -> Iterator[Model]:
    """Copies of the instance as it was in every remembered state that differs from the present one."""
    now = _read(instance)
    for state in instance.__dict__.get(STATES, []):
        if any(not _same(now.get(name), value) for name, value in state.items()):
            yield _as_it_was(instance, state)


def _as_it_was(instance: Model, state: State) -> Model:
    """A copy with the old values, whose moved foreign keys are looked up afresh."""
    past = copy.copy(instance)
    past._state = copy.copy(instance._state)
    past._state.fields_cache = {
        name: related for name, related in instance._state.fields_cache.items() if not _moved(instance, state, name)
    }
    past.__dict__.update(state)
    past.__dict__.pop("_prefetched_objects_cache", None)
    return past


def _moved(instance: Model, state: State, cache_name: str) -> bool:
    """Does the cached relation belong to a foreign key whose value was another?"""
    return any(
        field.attname in state and not _same(instance.__dict__.get(field.attname), state[field.attname])
        for field in instance._meta.concrete_fields
        if isinstance(field, ForeignKey) and field.name == cache_name
    )
