"""Old states: what a registered instance was in the database before the write under way, mostly without a query."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterable
from typing import Any

from django.db import connections, models
from django.db.models import Field, ForeignKey, Model

from invalidation.commit_hooks import on_commit
from invalidation.emission.rows import loading
from invalidation.emission.rows.columns import PLAIN, attribute_names, columns, computed, detached, files, is_expression
from invalidation.emission.rows.loading import STATES

#: Django 6.1's; what else is there is another mode.
FETCH_ONE = getattr(models, "FETCH_ONE", None)
State = dict[str, Any]


class Known:
    """The column values of one row at one time; `hook` is alive while the transaction that wrote them is open."""

    __slots__ = ("hook", "state")

    def __init__(self, state: State) -> None:
        self.state = state
        self.hook: weakref.ref[Commitment] | None = None

    @property
    def rolled_back(self) -> bool:
        """Django drops the hooks of a rolled-back transaction or savepoint, and with them the only reference."""
        return self.hook is not None and self.hook() is None


class States(list[Known]):
    """The newest last; more than one only while a transaction is open, because a rollback tells nobody."""

    def newest(self) -> State:
        """What the row holds as far as this instance knows; empty if it knows nothing."""
        while len(self) > 1 and self[-1].rolled_back:
            self.pop()
        return self[-1].state if self else {}


class Commitment:
    """An on-commit hook: the state it was made for is the truth now, and what came before is forgotten."""

    __slots__ = ("__weakref__", "known", "states")
    __qualname__ = "invalidation.Commitment"  # Django logs the name of a hook that fails

    def __init__(self, states: States, known: Known) -> None:
        self.states = states
        self.known = known

    def __call__(self) -> None:
        """Forget what came before."""
        self.known.hook = None
        if self.known in self.states:
            del self.states[: self.states.index(self.known)]


def has_expressions(instance: Model) -> bool:
    """Was a column assigned what only the database can compute?"""
    return any(is_expression(instance.__dict__.get(name)) for name in columns(type(instance)))


def _read(instance: Model) -> State:
    """The loaded columns; deferred ones and expressions are absent."""
    state: State = {}
    values = instance.__dict__
    for name in columns(type(instance)):
        if name in values:
            value = values[name]
            if type(value) in PLAIN:
                state[name] = value
            elif not is_expression(value):
                state[name] = detached(value)
    return state


def remember(instance: Model, row: Model | None = None) -> None:
    """Take the values of `row` (by default the instance's own) as what the row holds, and forget all others."""
    instance.__dict__[STATES] = States([Known(_read(row or instance))])


def _states(instance: Model) -> States:
    held = instance.__dict__.get(STATES)
    if type(held) is not States:
        known = [Known(loading.row_of(type(instance), held))] if held else []
        held = instance.__dict__[STATES] = States(known)
    return held


def before_write(instance: Model, using: str, written: Collection[str]) -> None:
    """Learn from the database, in one query, what the row holds in the `written` columns and nobody loaded.

    That is so where the instance was built with its primary key instead of loaded, was deferred and assigned, came
    out of a cache, or goes to another database. The usual save of a loaded instance needs no query.
    """
    states = _states(instance)
    if instance._state.adding or instance._state.db != using:
        states.clear()
    if instance._state.adding and (instance.pk is None or _is_made_up(instance._meta.pk)):
        return  # Django inserts: there is no row before
    known = states.newest()
    missing = {name for name in written if name in instance.__dict__ and name not in known}
    if not missing:
        return
    row = _stored(instance, using, missing if known else columns(type(instance)))
    if states:
        known.update(row)
    elif row:
        states.append(Known(row))


def _is_made_up(key: Field[Any, Any]) -> bool:
    """Does a new row get its primary key from a default (UUID)?"""
    return key.has_default() or key.has_db_default()


def _stored(instance: Model, using: str, names: Iterable[str]) -> State:
    """These columns of the instance's row; empty if there is none."""
    rows = type(instance)._base_manager.using(using).filter(pk=instance.pk)
    return dict(rows.values(*names).first() or {})


def present(
    instance: Model, using: str, written: Collection[str] | None, public: Collection[str], *, moved: bool = False
) -> Model:
    """The instance as its row is after a write of the columns `written` (None: all that are loaded).

    The instance itself where that is true. Otherwise a copy: values assigned but not saved are as they were,
    expressions in the `public` columns are read back in one query, deferred columns load into the copy alone. Where
    the write may have `moved` the row by SQL of its own, what it was not asked to write is read in another query.
    """
    values, names, known = instance.__dict__, columns(type(instance)), newest(instance)
    unknown = {name for name in names if name not in values or is_expression(values[name])}
    unread: frozenset[str] = computed(type(instance)) if known and written != () else frozenset()
    unknown |= unread & values.keys()
    kept = {} if written is None else {name: known[name] for name in known.keys() - set(written) - unread}
    if moved and kept:
        kept |= _stored(instance, using, kept)
    if not (unknown or _is_blocked(instance)) and all(_same(values.get(name), value) for name, value in kept.items()):
        return instance
    asked = {name for name in unknown & set(public) if name in values and name not in kept}
    past = as_it_was(instance, kept | (_stored(instance, using, asked) if asked else {}))
    for name in unknown - asked - kept.keys():
        past.__dict__.pop(name, None)
    past._state.db = using
    return past


def advance(instance: Model, using: str, row: Model) -> None:
    """After a write that left the row as `row` says: earlier states count until the transaction commits."""
    _learn(_states(instance), _read(row), using)


def refreshed(instance: Model, fields: Iterable[str] | None) -> None:
    """The columns of `fields` (None: all) were read from the database again."""
    if STATES not in instance.__dict__:
        return
    states = _states(instance)
    wanted = columns(type(instance)) if fields is None else attribute_names(type(instance), fields)
    values = {name: value for name, value in _read(instance).items() if name in wanted}
    known = states.newest()
    if known.keys() & wanted:
        kept = {name: value for name, value in known.items() if name not in wanted}
        _learn(states, kept | values, instance._state.db or "default")
    elif states:
        known.update(values)  # deferred columns, seen for the first time


def _learn(states: States, state: State, using: str) -> None:
    known = Known(state)
    if states.newest() == state:
        return
    states.append(known)
    connection = connections[using]
    if not connection.in_atomic_block:  # committed, or under manual transaction management, which has no hooks
        del states[:-1]
        return
    if len(states) > 1:
        hook = Commitment(states, known)
        known.hook = weakref.ref(hook)
        on_commit(connection, hook)


def newest(instance: Model) -> State:
    """What the row held before the write under way, as far as it is known."""
    return _states(instance).newest()


def changed(instance: Model, now: Model) -> set[str]:
    """Columns that this write may have changed; `now` is the instance as `present` gives it.

    Those that were known and are not loaded any more are among them: Django 6 defers a column that was assigned an
    expression, where the database does not return what became of it (MariaDB, MySQL).
    """
    known, after = newest(instance), now.__dict__
    return {
        name
        for name in columns(type(instance)) & (instance.__dict__.keys() | known.keys())
        if name not in after or name not in known or not _same(after[name], known[name])
    }


def _same(one: Any, other: Any) -> bool:
    return one is other or bool(one == other)


def as_it_was(instance: Model, state: State) -> Model:
    """A copy with these values, whose moved foreign keys are looked up afresh."""
    past = _copied(instance, type(instance))
    cached = instance._state.fields_cache
    past._state.fields_cache = {name: value for name, value in cached.items() if not _moved(instance, state, name)}
    past.__dict__.update({name: detached(value) for name, value in state.items()})
    return past


def seen_as(model: type[Model], instance: Model) -> Model:
    """The same row as an instance of the proxy `model`, or of the model that a proxy stands for."""
    return _copied(instance, model)


def _copied(instance: Model, model: type[Model]) -> Model:
    """A copy that remembers nothing and can be changed without changing the original."""
    twin = model.__new__(model)
    twin.__dict__.update(instance.__dict__)
    twin.__dict__.pop(STATES, None)
    twin.__dict__.pop("_prefetched_objects_cache", None)
    for name in files(type(instance)) & twin.__dict__.keys():
        twin.__dict__[name] = detached(twin.__dict__[name])
    twin._state = type(instance._state)()
    twin._state.__dict__.update(instance._state.__dict__)
    twin._state.__dict__.pop("fetch_mode", None)  # Django 6.1: what rules ask for is read, and for them alone
    twin._state.fields_cache = dict(instance._state.fields_cache)
    return twin


def _is_blocked(instance: Model) -> bool:
    """Would it rather raise than read (FETCH_RAISE), or read for others too (FETCH_PEERS)?"""
    return "fetch_mode" in instance._state.__dict__ and instance._state.__dict__["fetch_mode"] is not FETCH_ONE


def _moved(instance: Model, state: State, cache_name: str) -> bool:
    """Does the cached relation belong to a foreign key whose value was another?"""
    return any(
        field.attname in state and not _same(instance.__dict__.get(field.attname), state[field.attname])
        for field in instance._meta.concrete_fields
        if isinstance(field, ForeignKey) and field.name == cache_name
    )
