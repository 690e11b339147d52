"""Time is a change too: instants at which a row changes what the public sees are stored with it, and fired when due."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, time
from math import inf
from time import monotonic
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from invalidation import conf, context
from invalidation.commit_hooks import after_commit
from invalidation.emission import evaluation, registry
from invalidation.emission.rules import Rules, model_tag, object_tag
from invalidation.models import ScheduledEvent
from invalidation.pipeline import outbox
from invalidation.rows import instants as scheduled
from invalidation.targets.values import Source, Targets, union

#: Fired in one transaction.
CHUNK = 200
#: Longest that one call fires; the next one goes on.
MOST_CHUNKS = 50
#: How long a process goes by what it has read of the instants that pages end with, and for how many sets of tags.
KNOWN_SECONDS, MOST_KNOWN = 5.0, 2000
_known: dict[frozenset[str], tuple[float, datetime | None]] = {}


def instants(rules: Rules, row: Model) -> tuple[datetime, ...]:
    """What `changes_at` names, in order; naive ones are in the current time zone, a date is its first moment."""
    named = evaluation.asked(rules, row, "changes_at", rules.changes_at)
    moments = {_aware(instant) for instant in named if isinstance(instant, date)}
    return tuple(sorted(moments))


def _aware(instant: date) -> datetime:
    moment = instant if isinstance(instant, datetime) else datetime.combine(instant, time())
    return timezone.make_aware(moment) if django_settings.USE_TZ and timezone.is_naive(moment) else moment


def follow(rows: Sequence[Model], model: type[Model], using: str, *, old: Model | None = None) -> None:
    """Store the instants to come of rows that were written, in place of those stored before.

    With the `old` state of a single row nothing is asked of the database where its instants stay as they were.
    """
    for rules in registry.timed(model):
        seen = evaluation.as_instances(rules, rows, using)
        if old is not None:
            seen = [row for row in seen if instants(rules, row) != instants(rules, _as_it_was(rules, row, old))]
        if seen:
            _keep(rules, [(row.pk, instants(rules, row)) for row in seen], using)


def _as_it_was(rules: Rules, row: Model, old: Model) -> Model:
    """A child's parent columns alone are known as they were; its own are as they are."""
    return evaluation.seen_as(rules.model, old) or evaluation.with_values_of(row, old)


def withdraw(rules: Rules, keys: Iterable[Any], using: str) -> None:
    """The rows are gone, and what was to come of them."""
    _keep(rules, [(key, ()) for key in keys], using)


def _keep(rules: Rules, wanted: Sequence[tuple[Any, Sequence[datetime]]], using: str) -> None:
    """In the transaction of the change; a database without an outbox can't share one with it."""
    _known.clear()
    transaction.on_commit(_known.clear, using=using)  # what was read meanwhile is from before it
    outboxes = conf.settings().databases
    if using in outboxes:
        _replace(rules, wanted, using, "")
    else:
        after_commit(using, _replace, rules, wanted, outboxes[0], using)


def _replace(rules: Rules, wanted: Sequence[tuple[Any, Sequence[datetime]]], database: str, apart: str) -> None:
    for part in _parts(wanted):
        scheduled.withdraw(database, [object_tag(rules.model, key) for key, _ in part])
        scheduled.insert(database, _to_come(rules, part, apart))


def _to_come(rules: Rules, wanted: Iterable[tuple[Any, Sequence[datetime]]], apart: str) -> Iterator[ScheduledEvent]:
    now, who = timezone.now(), context.actor()
    cause = {"correlation_id": context.correlation_id(), "traceparent": context.traceparent()}
    for key, moments in wanted:
        owner = object_tag(rules.model, key)
        for moment in moments:
            if moment > now:
                yield ScheduledEvent(
                    due_at=moment,
                    model=model_tag(rules.model),
                    owner=owner,
                    key=str(key),
                    database=apart,
                    source=Source.TIME,
                    actor=who,
                    reason=f"{owner} changes at {moment.isoformat()}",
                    lane=rules.manner.lane,
                    mode=rules.manner.mode,
                    **cause,
                )


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[start : start + scheduled.AT_ONCE] for start in range(0, len(items), scheduled.AT_ONCE))


def fire(database: str) -> int:
    """Make an event of everything that is due, each once whoever else fires; returns how many."""
    fired = 0
    for _ in range(MOST_CHUNKS):
        rows = list(scheduled.due(database, timezone.now())[:CHUNK])
        if not rows:
            break
        fired += _fire(rows, database)
    return fired


def _fire(rows: Sequence[ScheduledEvent], database: str) -> int:
    """All of them in one transaction; where another was faster with some, or one was withdrawn, one by one."""
    targets = _targets(rows, database)
    if _take(rows, targets, database):
        return len(rows)
    return sum(_take([row], targets, database) for row in rows) if len(rows) > 1 else 0


def _take(rows: Sequence[ScheduledEvent], targets: dict[int, Targets], database: str) -> bool:
    with transaction.atomic(using=database):
        if scheduled.take(database, rows) != len(rows):
            transaction.set_rollback(True, using=database)
            return False
        for row in rows:
            outbox.note_scheduled(targets[row.pk], row, using=database)
    return True


def _targets(rows: Sequence[ScheduledEvent], database: str) -> dict[int, Targets]:
    """What each makes stale: what was asked for, or what the rules say of the row as it is now, whoever may see it."""
    by_key = {row.pk: Targets.from_document(row.targets) for row in rows if not row.model}
    for label, apart in {(row.model, row.database) for row in rows if row.model}:
        owned = [row for row in rows if (row.model, row.database) == (label, apart)]
        by_key |= {row.pk: Targets.of(tags=[row.model, row.owner]) for row in owned}
        for row, targets in _asked(label, owned, apart or database):
            by_key[row.pk] |= targets
    return by_key


def _asked(label: str, rows: Sequence[ScheduledEvent], using: str) -> Iterator[tuple[ScheduledEvent, Targets]]:
    try:
        model: type[Model] = apps.get_model(label)
    except LookupError:  # its app is gone, and with it whoever could be asked
        return
    keys = [model._meta.pk.to_python(row.key) for row in rows]
    stored = {str(row.pk): row for row in model._base_manager.using(using).filter(pk__in=keys)}
    for row in rows:
        if instance := stored.get(row.key):
            yield row, union(evaluation.timed_targets(rules, instance) for rules in registry.timed(model))


def timed(tags: Iterable[str]) -> frozenset[str]:
    """Those that name a model whose rules have `changes_at`, or a row of one."""
    models = registry.timed_models()
    return frozenset(filter(None, (_timed(tag, models) for tag in tags))) if models else frozenset()


def _timed(tag: str, models: Collection[str]) -> str:
    """The tag itself, or of a part of a model's rows (`blog.post.category_id:3`) the model's; "" for any other."""
    head = tag.partition(":")[0]
    if head in models:
        return tag
    model = ".".join(head.split(".")[:2])
    return model if model in models else ""


def next_instant(named: frozenset[str], after: datetime, until: datetime) -> datetime | None:
    """The first instant between two at which a row that these tags (`timed`) name changes by itself; None for none.

    Asked of the database once per KNOWN_SECONDS for the same tags, unless this process stores instants meanwhile.
    """
    asked_at, moment = _known.get(named, (-inf, None))
    if monotonic() - asked_at > KNOWN_SECONDS or (moment is not None and moment <= after):
        moment = _first(named, named & registry.timed_models(), after)
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[named] = monotonic(), moment
    return moment if moment is not None and moment < until else None


def _first(named: frozenset[str], models: frozenset[str], after: datetime) -> datetime | None:
    moments = [
        scheduled.first_after(database, after, owners=named - models, models=models)
        for database in conf.settings().databases
    ]
    return min((moment for moment in moments if moment is not None), default=None)
