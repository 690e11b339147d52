"""Which rules apply to which model: `register`, and the look-up that knows proxies, parents and children."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast, overload

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.db.models.signals import class_prepared

from invalidation.emission.rows.columns import attribute_names
from invalidation.emission.rules import Rules, model_tag

RulesClass = TypeVar("RulesClass", bound=type[Rules])
Function = TypeVar("Function", bound=Callable[..., Any])
_registered: dict[type[Model], Rules] = {}
#: Of explicit join models, beside what somebody may have registered for them: what is at their ends.
_joining: dict[type[Model], Rules] = {}
#: What listens to the writes of a model; nothing before all models are loaded.
_listening: list[Callable[[type[Model]], None]] = []
#: What was worked out from the rules that there are.
_kept: list[Callable[[], None]] = []


def kept(function: Function) -> Function:
    """Decorate a function that asks for rules: what it gave is kept until there are others."""
    cached = cache(function)
    forget_with(cached.cache_clear)
    return cast("Function", cached)


def forget_with(forget: Callable[[], None]) -> None:
    """Call this whenever there are other rules."""
    _kept.append(forget)


@overload
def register(*models: type[Model]) -> Callable[[RulesClass], RulesClass]: ...
@overload
def register(*models: type[Model], rules: type[Rules]) -> None: ...
def register(*models: type[Model], rules: type[Rules] = Rules) -> Callable[[RulesClass], RulesClass] | None:
    """Invalidate what instances of these models appear in, from now on.

    Called plainly it applies the defaults of Rules; as a decorator of a Rules subclass it applies that.

    Raises:
        ImproperlyConfigured: not a concrete or proxy model.
    """
    if not models:
        raise ImproperlyConfigured("invalidation.register() needs a model: write @invalidation.register(Post).")
    for model in models:
        _add(model, rules)

    def decorate(declared: RulesClass) -> RulesClass:
        for model in models:
            _add(model, declared)
        return declared

    return decorate


def _add(model: type[Model], rules: type[Rules]) -> None:
    if not hasattr(model, "_meta") or model._meta.abstract:
        raise ImproperlyConfigured(f"{model!r} can't be registered: give a model class that isn't abstract.")
    _registered[model] = rules(model)
    _forget()
    for listen in _listening:
        listen(model)


def listen_with(connect: Callable[[type[Model]], None]) -> None:
    """Call this for every registered model, and from now on for each that is registered."""
    _listening[:] = [connect]
    for model in registered():
        connect(model)
    class_prepared.connect(_on_defined, dispatch_uid="invalidation.registry")


def _on_defined(sender: type[Model], **_: Any) -> None:
    """A proxy in some `admin.py`, say, which Django may import after this app was ready.

    An automatic join table is defined in the midst of its model, and is found with that.
    """
    if sender._meta.apps is apps and not sender._meta.auto_created:
        apps.lazy_model_operation(_listen_again, (sender._meta.app_label, str(sender._meta.model_name)))


def _listen_again(defined: type[Model]) -> None:
    """It may be a relative of a registered model, or be joined with one."""
    apps.clear_cache()  # Django does so too, but after this
    _forget()
    fields: Any = defined._meta.get_fields()
    near = [defined, *(field.related_model for field in fields if isinstance(field.related_model, type))]
    for known in registered():
        if any(related(model, known) for model in near):
            for listen in _listening:
                listen(known)


def join(through: type[Model], rules: Rules) -> None:
    """Let rows of this explicit join model make stale what is at their ends, whatever else rules say of them."""
    _joining[through] = rules
    _forget()


def joins(through: type[Model]) -> bool:
    """Do its rows make stale what is at their ends?"""
    return through in _joining


def unregister(model: type[Model]) -> None:
    """Forget the rules of a model."""
    _registered.pop(model, None)
    _forget()


def _forget() -> None:
    for forget in _kept:
        forget()


def registered() -> dict[type[Model], Rules]:
    """Model to rules, as registered; an explicit join model that nobody registered to what is said of its ends."""
    return _joining | _registered


@kept
def rules_for(model: type[Model]) -> tuple[Rules, ...]:
    """Rules of the model itself, of what it is a proxy of, of its parents and of its multi-table children."""
    all_rules = [*_registered.items(), *_joining.items()]
    return tuple(rules for known, rules in all_rules if related(model, known))


@kept
def timed(model: type[Model]) -> tuple[Rules, ...]:
    """Those of its rules that name instants."""
    return tuple(rules for rules in rules_for(model) if rules.is_timed)


@kept
def timed_models() -> frozenset[str]:
    """Model tags of the models whose rules name instants."""
    return frozenset(model_tag(model) for model, rules in _registered.items() if rules.is_timed)


@kept
def public_columns(model: type[Model]) -> frozenset[str]:
    """Columns of the model that some rule doesn't ignore."""
    columns = frozenset(field.attname for field in model._meta.concrete_fields)
    return frozenset().union(*(columns - attribute_names(model, rules.ignore) for rules in rules_for(model)))


@kept
def tracked_columns(model: type[Model]) -> frozenset[str]:
    """Columns of the model whose values are told with a change."""
    return frozenset().union(*(attribute_names(model, rules.track or ()) for rules in rules_for(model)))


def related(model: type[Model], known: type[Model]) -> bool:
    """Is a row of `model` also a row of `known`, or can it be the parent row of one?"""
    concrete, other = model._meta.concrete_model or model, known._meta.concrete_model or known
    return issubclass(concrete, other) or concrete in other._meta.get_parent_list()


def relatives(known: type[Model]) -> list[type[Model]]:
    """Every model whose writes may change a row of `known`: itself, proxies, children and parents."""
    return [model for model in apps.get_models(include_auto_created=True) if related(model, known)]
