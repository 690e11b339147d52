"""Asks the rules: which targets the states of given rows make stale."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from django.db.models import Model, prefetch_related_objects

from invalidation import lazy
from invalidation.emission import registry
from invalidation.emission.rows import history
from invalidation.emission.rows.columns import attribute_names, columns
from invalidation.emission.rules import Rules
from invalidation.exceptions import InvalidTarget
from invalidation.targets.values import Manner, Targets, joined, union

logger = lazy.Logger(__name__)

#: Of an error's words that a line of log holds.
MOST_CHARACTERS = 1000
#: Attribute of an instance: what `Rules.before` gave before the write under way, by rules.
FORETOLD = "_invalidation_foretold"
#: Rows before a write, as each of the rules that compare sees them, by key.
Olds = dict[Rules, dict[Any, Model]]


def manner_of(rules: Iterable[Rules]) -> Manner:
    """The one that does for all of them."""
    return joined(one.manner for one in rules)


def targets_of(rules: Rules, instance: Model, *, besides: Collection[str] = ()) -> Targets:
    """What this state makes stale, `besides` what these methods give.

    Rules that raise don't make the write fail: what they did give stands, beside the default tags.
    """
    try:
        if not besides:
            return _on_sites(rules, instance, rules.targets(instance))
    except Exception:  # noqa: BLE001, S110 (which method failed, and what the others give, is found out there)
        pass
    if not _visible(rules, instance):
        return Targets()
    methods = {method for method, _, _ in rules.methods()} - set(besides)
    return _on_sites(rules, instance, rules.default_targets(instance) | union(_parts(rules, instance, methods)))


def _on_sites(rules: Rules, instance: Model, targets: Targets) -> Targets:
    """The same; an address on another host, which nobody is ever sent a purge for, is named."""
    for kind in ("urls", "prefixes"):
        for url in getattr(targets, kind):
            if not url.startswith("/"):
                _judge(rules, instance, kind, url)
    return targets


def _judge(rules: Rules, instance: Model, kind: str, url: str) -> None:
    from invalidation import conf
    from invalidation.targets import sites  # which most rules, that name paths, don't need

    try:
        known = conf.settings().sites
        if known:
            sites.expand(url, known)
    except InvalidTarget as error:
        _log(rules, instance, kind, error)


def _visible(rules: Rules, instance: Model) -> bool:
    """What `when` says; what can't be told is taken for visible."""
    try:
        return bool(rules.when(instance))
    except Exception as error:  # noqa: BLE001 (a rule's own)
        _log(rules, instance, "when", error)
        return True


def _parts(rules: Rules, instance: Model, methods: Collection[str]) -> Iterator[Targets]:
    """What each method that is asked gives by itself, value by value. Each that fails is logged."""
    for method, kind, ask in rules.methods():
        if method not in methods:
            continue
        for value in asked(rules, instance, method, ask):
            with _logged(rules, instance, method):
                yield Targets.from_document({kind: [value]})


@contextmanager
def _logged(rules: Rules, instance: Model, method: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 (a rule's own)
        _log(rules, instance, method, error)


def _log(rules: Rules, instance: Model, method: str, error: Exception) -> None:
    """One line, once per rule, model and process; the status counts them all."""
    rule, model, foreign = f"{type(rules).__name__}.{method}", rules.model._meta.label, isinstance(error, InvalidTarget)
    text = str(error) if foreign else repr(error)
    from invalidation.freshness import complaints  # the Redis client, which a rule that works doesn't need

    if complaints.pending.note(rule, model, f"{text} (key {instance.pk})"):
        facts = {"rule": rule, "model": model, "pk": instance.pk, "error": text[:MOST_CHARACTERS]}
        logger.error("invalidation_rules_failed", **facts, at=_place(rules, error))


def _place(rules: Rules, error: Exception) -> str:
    """File and line of the rule's own module that failed; a traceback has dozens of lines of what it called."""
    home = getattr(sys.modules.get(type(rules).__module__), "__file__", "")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == home]
    place = (own or frames)[-1]
    return f"{place.filename}:{place.lineno}"


def row_targets(rows: Sequence[Model], model: type[Model], using: str, *, ignoring: Any = None) -> Targets:
    """What the present state of these rows of `model` makes stale, by every rule that applies.

    The number of queries does not depend on the number of rows: one per relation in `Rules.related`, one for each
    registered multi-table child.
    """
    applicable = [rules for rules in registry.rules_for(model) if ignoring is None or ignoring not in rules.ignore]
    return union(targets_of(rules, row) for rules in applicable for row in as_instances(rules, rows, using))


def change_targets(rules: Rules, instance: Model, now: Model, changed: set[str], using: str) -> Targets:
    """What a write makes stale: the row as it is now, and as it was where a tracked field or the visibility changed."""
    rows = as_instances(rules, [now], using)
    after = union(targets_of(rules, row) for row in rows)
    known = history.newest(instance)
    if rules.compares:
        after |= union(compared(rules, history.as_it_was(row, known), row) for row in rows)
    unmoved = rules.track is not None and not changed & attribute_names(type(instance), (*rules.track, *rules.lists_by))
    if not (changed or rules.before) or (after and unmoved):
        return after
    return after | union(past_targets(rules, instance, history.as_it_was(row, known)) for row in rows)


def past_targets(rules: Rules, instance: Model, past: Model) -> Targets:
    """What the row made stale as it was: `Rules.before` was asked by then, where `instance` was written itself."""
    foretold: Targets | None = instance.__dict__.get(FORETOLD, {}).get(rules) if rules.before else None
    return targets_of(rules, past) if foretold is None else foretold | targets_of(rules, past, besides=rules.before)


def foretold_targets(rules: Rules, row: Model) -> Targets:
    """What the methods of `Rules.before` give for a row that is about to be written."""
    return union(_parts(rules, row, rules.before)) if _visible(rules, row) else Targets()


def compared(rules: Rules, old: Model | None, new: Model | None) -> Targets:
    """What `changed` gives for these two states of a row; nothing where the public saw neither."""
    present = [one for one in (old, new) if one is not None]
    if not any(_visible(rules, one) for one in present):
        return Targets()
    try:
        return rules.changed(old, new) or Targets()
    except Exception as error:  # noqa: BLE001 (a rule's own)
        _log(rules, present[-1], "changed", error)
        return Targets()


def timed_targets(rules: Rules, instance: Model) -> Targets:
    """What this state makes stale, whether or not it is visible: it was, or it is from now on."""
    targets: Targets = union(
        rules.default_targets(row) | union(_parts(rules, row, {method for method, _, _ in rules.methods()}))
        for row in as_instances(rules, [instance], instance._state.db or "default")
    )
    return targets


def asked(rules: Rules, instance: Model, method: str, ask: Callable[[Any], Iterable[Any]]) -> list[Any]:
    """What this method of the rules gives; nothing, and a word in the log, where it fails."""
    values: list[Any] = []
    with _logged(rules, instance, method):
        values.extend(ask(instance))
    return values


def addresses(urls: Iterable[str]) -> Targets:
    """Those of the URLs that a purge can be sent for; nobody wrote a rule that names the others."""
    from invalidation import conf
    from invalidation.targets import sites

    known, parts = conf.settings().sites, []
    for url in urls:
        with suppress(InvalidTarget):
            if known:
                sites.expand(url, known)
            parts.append(Targets.of(urls=[url]))
    return union(parts)


def address(rules: Rules, instance: Model, method: str, url: Any) -> Targets:
    """One that a method of the rules gave; nothing, and a word in the log, where it can't be purged."""
    targets = Targets()
    try:
        targets = Targets.of(urls=[url])
    except InvalidTarget as error:
        _log(rules, instance, method, error)
    return _on_sites(rules, instance, targets)


def comparable(rows: Sequence[Model], model: type[Model], using: str) -> Olds:
    """Rows as the rules see them that compare; to be asked before the write, for children are read."""
    comparing = [rules for rules in registry.rules_for(model) if rules.compares]
    return {rules: {row.pk: row for row in as_instances(rules, rows, using)} for rules in comparing}


def compared_rows(olds: Olds, rows: Sequence[Model], model: type[Model], using: str) -> Targets:
    """What `changed` gives for these rows, each paired with what it was."""
    return union(
        compared(rules, olds.get(rules, {}).get(key), row)
        for rules, seen in comparable(rows, model, using).items()
        for key, row in seen.items()
    )


def as_instances(rules: Rules, rows: Sequence[Model], using: str) -> list[Model]:
    """The rows as instances of the model that the rules are for; rows that are none of it are left out."""
    instances = [seen for row in rows if (seen := seen_as(rules.model, row)) is not None]
    if len(instances) < len(rows):
        instances += _children(rules.model, rows, using)
    if rules.related and len(instances) > 1:
        prefetch_related_objects(instances, *rules.related)
    return instances


def with_values_of(row: Model, old: Model) -> Model:
    """The row with the columns of `old` that it shares, its parent's."""
    return history.as_it_was(row, {name: old.__dict__[name] for name in columns(type(old)) & old.__dict__.keys()})


def seen_as(model: type[Model], row: Model) -> Model | None:
    """The row as an instance of `model`, of which it may be a proxy or a multi-table child; None for a parent row."""
    if isinstance(row, model):
        return row
    concrete, wanted = row._meta.concrete_model, model._meta.concrete_model
    return history.seen_as(model, row) if concrete and wanted and issubclass(concrete, wanted) else None


def _children(model: type[Model], rows: Sequence[Model], using: str) -> list[Model]:
    """Child rows of parent rows: their own columns are not in what was written."""
    parent = rows[0]._meta.concrete_model
    if parent is None or parent not in model._meta.get_parent_list():
        return []
    return list(model._base_manager.using(using).filter(**{_link(model, parent): [row.pk for row in rows]}))


@cache
def _link(model: type[Model], parent: type[Model]) -> str:
    """The lookup from a child, by its links from parent to parent, to the key of `parent`: it may have its own."""
    names: list[str] = []
    child: Any = model._meta.concrete_model
    while child is not parent:
        link: Any = child._meta.get_ancestor_link(parent)
        names.append(link.name)
        child = link.related_model
    return "__".join([*names, "in"])


def default_targets(all_rules: Iterable[Rules], row: Model, using: str) -> Targets:
    """The default tags of this row alone, by every rule that applies."""
    return union(rules.default_targets(seen) for rules in all_rules for seen in as_instances(rules, [row], using))
