"""Asks rules before a write that changes what they query, and around methods that write without a signal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from inspect import BoundArguments, signature
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import router
from django.db.models import Model

from invalidation import lazy
from invalidation.emission import evaluation, registry
from invalidation.emission.emit import collecting, emit
from invalidation.emission.evaluation import FORETOLD
from invalidation.emission.rows import history
from invalidation.targets.values import Targets, union

_follow = lazy.call("invalidation.emission.instants.follow")
Method = Callable[..., Any]
#: Attribute of an instance that one of its `Rules.moves` is at work on.
MOVING = "_invalidation_moving"


def watch(model: type[Model]) -> None:
    """Wrap what the rules of the model name; harmless to repeat. The outermost call asks."""
    all_rules = registry.rules_for(model)
    if any(rules.before for rules in all_rules):
        _wrap(model, "save", _asking)
        _wrap(model, "delete", _asking)
    for name in {name for rules in all_rules for name in rules.moves if hasattr(model, name)}:
        _wrap(model, name, moving)


def _wrap(model: type[Model], name: str, wrapping: Callable[[Method], Method]) -> None:
    if not hasattr(model.__dict__.get(name), "is_asking"):
        wrapped: Any = wrapping(getattr(model, name))
        wrapped.is_asking = True
        setattr(model, name, wrapped)


def _asking(write: Method) -> Method:
    """Of `save` and `delete`: django-mptt moves the rows of a tree before it lets Django save one, or send a signal."""

    @wraps(write)
    def asking(self: Model, *args: Any, **kwargs: Any) -> Any:
        with _foretelling(self, _database(self, args, kwargs)):
            return write(self, *args, **kwargs)

    return asking


def _database(instance: Model, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """`using` is the third argument of `save`, the first of `delete`."""
    named = [argument for argument in (kwargs.get("using"), *args) if isinstance(argument, str)]
    return named[0] if named else router.db_for_write(type(instance), instance=instance)


@contextmanager
def _foretelling(instance: Model, using: str) -> Iterator[None]:
    """What `Rules.before` gives for the row as it is, kept for as long as the write lasts."""
    asked = [rules for rules in registry.rules_for(type(instance)) if rules.before]
    if FORETOLD in instance.__dict__ or not asked:
        yield
        return
    history.before_write(instance, using, registry.public_columns(type(instance)))
    known = history.newest(instance)
    old = history.as_it_was(instance, known)
    instance.__dict__[FORETOLD] = {
        rules: union(evaluation.foretold_targets(rules, row) for row in evaluation.as_instances(rules, [old], using))
        for rules in (asked if known else ())
    }
    try:
        yield
    finally:
        instance.__dict__.pop(FORETOLD, None)


def moving(move: Method) -> Method:
    """Of a method that changes a row unseen: the row before and after it become one event, in one transaction.

    The row is the first of its parameters that is one: that of a model's own method, or what a manager's is to move.
    """
    declared = signature(move)

    @wraps(move)
    def around(*args: Any, **kwargs: Any) -> Any:
        row = _row_of(move, declared.bind(*args, **kwargs))
        if MOVING in row.__dict__:
            return move(*args, **kwargs)
        using = row._state.db or router.db_for_write(type(row), instance=row)
        with _marked(row), collecting(using):
            return _moved(row, using, partial(move, *args, **kwargs))

    return around


def _row_of(move: Method, given: BoundArguments) -> Model:
    """In the order of the parameters, however they were named."""
    row = next((value for value in (*given.args, *given.kwargs.values()) if isinstance(value, Model)), None)
    if row is None:
        raise ImproperlyConfigured(f"Rules.moves names {move.__name__}, which was given no row to move: leave it out.")
    return row


@contextmanager
def _marked(row: Model) -> Iterator[None]:
    """For as long as it is moved: its old state is asked for as a whole, and by no save that is part of the move."""
    told = {rules: Targets() for rules in registry.rules_for(type(row))}
    marks = {name: mark for name, mark in ((MOVING, True), (FORETOLD, told)) if name not in row.__dict__}
    row.__dict__.update(marks)
    try:
        yield
    finally:
        for name in marks:
            row.__dict__.pop(name, None)


def _moved(instance: Model, using: str, move: Method) -> Any:
    model = type(instance)
    rows = model._base_manager.using(using).filter(pk=instance.pk)
    manner = evaluation.manner_of(registry.rules_for(model))
    old = list(rows.all())
    emit(evaluation.row_targets(old, model, using), using=using, manner=manner)
    olds = evaluation.comparable(old, model, using)
    result = move()
    new = list(rows.all())
    emit(
        evaluation.row_targets(new, model, using) | evaluation.compared_rows(olds, new, model, using),
        using=using,
        manner=manner,
    )
    _follow(new, model, using)
    for row in new:
        history.advance(instance, using, row)
    return result
