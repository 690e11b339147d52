"""Makes managers see that nobody here can change: Django's own base manager, and those that rules name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from django.db import models
from django.db.models.manager import BaseManager
from django.utils.functional import cached_property

from invalidation.emission import before, registry
from invalidation.managers import InvalidatingManager, InvalidatingQuerySet


def adopt(model: type[models.Model]) -> None:
    """See what is written past the signals by the managers of this model. Harmless to repeat."""
    options: Any = model._meta
    if not isinstance(options, AdoptedOptions):
        original: Any = type(options)
        options.__class__ = _adopted_options(original)
        options.__dict__.pop("base_manager", None)
    # What somebody may hold already.
    for manager in [*options.managers, *options.local_managers]:
        _adopt_manager(manager, model)


def _adopt_manager(manager: BaseManager[Any], model: type[models.Model]) -> None:
    all_rules = registry.rules_for(model)
    wanted = {name for rules in all_rules for name in rules.managers}
    if manager.name in wanted and not isinstance(manager.get_queryset(), InvalidatingQuerySet):
        _disguise(manager, _seeing_manager)
    for name in {name for rules in all_rules for name in rules.moves if not hasattr(model, name)}:
        if hasattr(manager, name) and not hasattr(getattr(manager, name), "is_asking"):
            _disguise(manager, partial(_moving_manager, name))


def _disguise(manager: BaseManager[Any], as_what: Callable[[Any], type[Any]]) -> None:
    manager.__class__ = as_what(type(manager))


class AdoptedOptions:
    """`_meta` of an adopted model. Django makes managers anew whenever a model is defined late (`Apps.clear_cache`)."""


@cache
def _adopted_options(original: Any) -> type[Any]:
    class Adopted(AdoptedOptions, original):  # type: ignore[misc]
        @cached_property
        def managers(self) -> Any:
            managers = super().managers
            for manager in managers:
                _adopt_manager(manager, self.model)
            return managers

        @cached_property
        def base_manager(self) -> Any:
            """`author.books.add()`, `SET_NULL` and `SET_DEFAULT` use it: a plain one where none is named."""
            plain = super().base_manager
            if type(plain) is not models.Manager or self.auto_created:
                return plain
            manager: Any = InvalidatingManager()
            manager.name, manager.model, manager.auto_created = plain.name, self.model, True
            return manager

    return _named(Adopted, original)


@cache
def _seeing_manager(original: Any) -> type[Any]:
    """The same manager, whose QuerySets are those of the original with our writes before theirs."""

    class Seeing(_masked(original)):  # type: ignore[misc]
        def get_queryset(self) -> models.QuerySet[Any]:
            rows: models.QuerySet[Any] = super().get_queryset()
            if not isinstance(rows, InvalidatingQuerySet):
                rows.__class__ = _seeing_queryset(type(rows))
            return rows

    return _named(Seeing, original)


@cache
def _moving_manager(name: str, original: Any) -> type[Any]:
    """The same manager, around whose method of this name the rules of what it moves are asked."""
    moving: Any = before.moving(getattr(original, name))
    moving.is_asking = True
    return _named(type("Moving", (_masked(original),), {name: moving}), original)


@cache
def _masked(original: Any) -> Any:
    """The same manager, which says of itself what the original would."""

    class Masked(original):  # type: ignore[misc]
        def deconstruct(self) -> Any:
            """As migrations know it."""
            return _original(self, original).deconstruct()

        def __eq__(self, other: object) -> bool:
            return bool(_original(self, original) == other)

        __hash__ = original.__hash__

    return Masked


def _original(manager: BaseManager[Any], original: type[Any]) -> Any:
    twin: Any = copy.copy(manager)
    twin.__class__ = original
    return twin


@cache
def _seeing_queryset(original: Any) -> type[Any]:
    if issubclass(InvalidatingQuerySet, original):
        return InvalidatingQuerySet

    class Seeing(InvalidatingQuerySet[Any], original):  # type: ignore[misc]
        def __reduce__(self) -> Any:
            """Pickled under the name of the original: nobody can import this one."""
            return _unpickled, (original,), self.__getstate__()

    return _named(Seeing, original)


def _unpickled(original: type[models.QuerySet[Any]]) -> Any:
    seeing: Any = _seeing_queryset(original)
    return seeing.__new__(seeing)


def _named(seeing: type[Any], original: type[Any]) -> type[Any]:
    seeing.__name__, seeing.__qualname__, seeing.__module__ = (
        original.__name__,
        original.__qualname__,
        original.__module__,
    )
    return seeing
