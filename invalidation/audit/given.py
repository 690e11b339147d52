"""What rules and settings give: families of tags with who gives them, and addresses, from a few rows of each model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, router
from django.db.models import Model

from invalidation import conf
from invalidation.audit import blame
from invalidation.audit.facts import Given, family
from invalidation.emission import evaluation, registry
from invalidation.emission.relations import ThroughRules
from invalidation.emission.rules import Rules, model_tag
from invalidation.targets.values import Targets

#: Rows of each model that its rules are asked about.
ROWS = 20
TAGS, URLS, PREFIXES = "tags", "urls", "prefixes"


@dataclass(slots=True)
class Collected:
    """What was asked for so far."""

    given: list[Given] = field(default_factory=list)
    urls: set[str] = field(default_factory=set)
    prefixes: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def collect() -> Collected:
    """Ask the rules of every registered model about its newest rows, and the settings."""
    collected = Collected()
    for model, rules in registry.registered().items():
        if not isinstance(rules, ThroughRules):
            _ask(model, rules, collected)
    declared = conf.settings().deploy
    place = "INVALIDATION['DEPLOY']['TAGS']"
    collected.given += [Given(family(tag), place, examples=(tag,)) for tag in declared.tags]
    collected.urls.update(declared.urls)
    return collected


def _ask(model: type[Model], rules: Rules, collected: Collected) -> None:
    rows = _rows(model, rules, collected)
    own = tuple(sorted({tag for row in rows for tag in rules.default_targets(row).tags}))
    collected.given.append(Given(model_tag(model), _owner(model, rules), is_model=True, examples=own))
    for row in rows:
        for method, kind, values in _answers(rules, row, collected):
            if kind == TAGS:
                owner = blame.at(f"{type(rules).__name__}.{method}", getattr(type(rules), method))
                collected.given += [Given(family(tag), owner, examples=(tag,)) for tag in values.tags]
            collected.urls |= values.urls
            collected.prefixes |= values.prefixes


def _owner(model: type[Model], rules: Rules) -> str:
    """Where a model is registered: its rules, or the model where it was registered plainly."""
    if type(rules) is not Rules:
        return blame.at(type(rules).__name__, type(rules))
    return blame.at(f"register({model.__name__}), the model", model)


def _rows(model: type[Model], rules: Rules, collected: Collected) -> list[Model]:
    """The newest ones, as the rules see them."""
    using = router.db_for_read(model)
    try:
        rows = list(model._base_manager.using(using).order_by("-pk")[:ROWS])
        return evaluation.as_instances(rules, rows, using) if rows else []
    except DatabaseError as error:
        collected.notes.append(f"{model._meta.label} could not be read: {error}")
        return []


def _answers(rules: Rules, row: Model, collected: Collected) -> Iterator[tuple[str, str, Targets]]:
    """What each method gives for a row, whether or not the public sees it; one that fails is told of."""
    for method, kind, ask in rules.methods():
        if kind in (TAGS, URLS, PREFIXES):
            try:
                given: dict[str, Any] = {kind: list(ask(row))}
                yield method, kind, Targets.of(**given)
            except Exception as error:  # noqa: BLE001 (a rule's own)
                told = f"{type(rules).__name__}.{method} failed, and was not looked at: {type(error).__name__}: {error}"
                collected.notes += [told] if told not in collected.notes else []
