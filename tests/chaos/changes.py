"""Every way to write, each in a transaction that enters itself into the ledger with what it made stale."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import QuerySet

import invalidation
from tests.chaos import site
from tests.chaos.models import Change, Label, Thing
from tests.chaos.rules import change_tag, marked, proof_key

HOT_THINGS = 60
LABELS = 8
ROLLED_BACK = "rolled back: "
INNER = "-inner"


class Regret(Exception):
    """The transaction is to be rolled back."""


@dataclass(slots=True)
class Work:
    """One transaction under way."""

    token: str
    random: random.Random
    tags: set[str] = field(default_factory=set)
    urls: set[str] = field(default_factory=set)

    def touch(self, thing: Thing) -> Thing:
        """Note that this state of the thing is stale."""
        self.tags.add(f"chaos.thing:{thing.pk}")
        self.urls.add(thing.get_absolute_url())
        return thing

    def pick(self, count: int = 1) -> list[Thing]:
        """Hot things, locked in the order of their keys, as an application that changes slugs would."""
        keys = self.random.sample(range(1, HOT_THINGS + 1), count)
        return list(_locked(Thing.objects.filter(pk__in=keys).order_by("pk")))


def _locked(things: QuerySet[Thing]) -> QuerySet[Thing]:
    return things.select_for_update() if connection.features.has_select_for_update else things


def save(work: Work) -> None:
    """Another version."""
    thing = work.touch(work.pick()[0])
    thing.version = work.token
    thing.save()


def rename(work: Work) -> None:
    """Another slug: the old page and the new one."""
    thing = work.touch(work.pick()[0])
    thing.slug = work.token
    thing.save(update_fields=["slug"])
    work.touch(thing)


def create(work: Work) -> None:
    """A new row."""
    work.touch(Thing.objects.create(version=work.token, slug=work.token))


def delete(work: Work) -> None:
    """The oldest of the rows that `create` made, or one made for this."""
    made = Thing.objects.filter(hot=False).order_by("pk")
    if connection.features.has_select_for_update_skip_locked:
        made = made.select_for_update(skip_locked=True)
    thing = made.first() or Thing.objects.create(version=work.token, slug=work.token)
    work.touch(thing)
    thing.delete()


def relate(work: Work) -> None:
    """A label more, or less."""
    thing = work.touch(work.pick()[0])
    label = work.random.randint(1, LABELS)
    if thing.labels.filter(pk=label).exists():
        thing.labels.remove(label)
    else:
        thing.labels.add(label)


def update(work: Work) -> None:
    """Several rows in one statement."""
    things = [work.touch(thing) for thing in work.pick(4)]
    Thing.objects.filter(pk__in=[thing.pk for thing in things]).update(version=work.token)


def bulk_create(work: Work) -> None:
    """Several new rows in one statement."""
    rows = [Thing(version=work.token, slug=f"{work.token}.{number}") for number in range(3)]
    for thing in Thing.objects.bulk_create(rows):
        work.touch(thing)


def savepoint(work: Work) -> None:
    """A save that stands around one that is rolled back."""
    save(work)
    with contextlib.suppress(Regret), marked(work.token + INNER), transaction.atomic():
        rename(Work(work.token + INNER, work.random))
        raise Regret


def again(work: Work) -> None:
    """An instance whose save was rolled back is saved again with another value."""
    thing = work.touch(work.pick()[0])
    with contextlib.suppress(Regret), marked(work.token + INNER), transaction.atomic():
        thing.slug = work.token + INNER
        thing.save()
        raise Regret
    thing.slug = work.token
    thing.save()
    work.touch(thing)


def explicit(work: Work) -> None:
    """Code that knows better than signals."""
    invalidation.invalidate(tags=[change_tag(work.token)], keys=[proof_key(work.token)])


KINDS: dict[str, Callable[[Work], None]] = {
    "save": save,
    "rename": rename,
    "create": create,
    "delete": delete,
    "relate": relate,
    "update": update,
    "bulk create": bulk_create,
    "savepoint": savepoint,
    "again": again,
    "explicit": explicit,
}
WEIGHTS = (8, 3, 2, 4, 2, 1, 1, 1, 1, 1)
#: Of all transactions, so many are rolled back at their end.
REGRETTED = 0.1


def choose(chance: random.Random) -> str:
    """A kind of change; an emitter that has no `explicit` saves instead."""
    kind = chance.choices(list(KINDS), WEIGHTS)[0]
    if kind == "explicit" and site.is_naive():
        kind = "save"
    return (ROLLED_BACK if chance.random() < REGRETTED else "") + kind


def perform(token: str, kind: str) -> bool:
    """Make one change; False if it was rolled back on purpose.

    Raises:
        django.db.Error: the database is away, or the transaction lost against another.
    """
    work = Work(token, random.Random(token), tags={change_tag(token)})
    try:
        with marked(token), transaction.atomic():
            KINDS[kind.removeprefix(ROLLED_BACK)](work)
            _enter(work, kind)
            _regret_if(kind.startswith(ROLLED_BACK))
    except Regret:
        return False
    return True


def _regret_if(regretted: bool) -> None:
    if regretted:
        raise Regret


def _enter(work: Work, kind: str) -> None:
    urls = [site.SITE + path for path in sorted(work.urls)]
    Change.objects.create(token=work.token, kind=kind, tags=sorted(work.tags), urls=urls, written_at=time.time())


def leave_proof(token: str) -> None:
    """Put into the cache what the change is to remove; a cache that is away has nothing to remove."""
    cache.set(proof_key(token), token, 3600)


def prepare() -> None:
    """The rows that every run begins with."""
    Label.objects.bulk_create(Label(name=f"label {number}") for number in range(LABELS))
    Thing.objects.bulk_create(Thing(version="first", slug=f"first-{n}", hot=True) for n in range(HOT_THINGS))
