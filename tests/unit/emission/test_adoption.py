"""A manager that nobody can change, named in `Rules.managers`: it sees, and is to everybody else what it was."""

from __future__ import annotations

import pickle

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

import invalidation
from invalidation.emission.before import moving
from invalidation.managers import InvalidatingQuerySet
from tests.fixtures.library.kinds import Adopted, Foreign, ForeignQuerySet, Owned, Owner
from tests.unit.emission.conftest import Outbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]


def test_a_method_that_is_said_to_move_and_is_given_no_row_is_named() -> None:
    def rebuild() -> None:
        """Moves no row in particular."""

    with pytest.raises(ImproperlyConfigured, match=r"Rules\.moves names rebuild, .* no row"):
        moving(rebuild)()


def test_its_bulk_writes_are_seen_and_its_own_methods_stay(outbox: Outbox) -> None:
    Adopted.objects.bulk_create([Adopted(slug="one", note="x"), Adopted(slug="two")])
    outbox.forget()
    rows = Adopted.objects.all()
    assert isinstance(rows, ForeignQuerySet)
    assert rows.noted().update(note="y") == 1
    assert outbox.urls == {"/adopted/one/"}


def test_its_querysets_can_be_pickled(outbox: Outbox) -> None:
    Adopted.objects.create(slug="one")
    again = pickle.loads(pickle.dumps(Adopted.objects.all()))
    assert isinstance(again, InvalidatingQuerySet)
    assert [row.slug for row in again] == ["one"]


def test_migrations_find_nothing_changed() -> None:
    manager, plain = Adopted.objects, Foreign.objects
    assert manager.deconstruct()[3:] == plain.deconstruct()[3:]
    assert manager == plain
    assert plain == manager
    assert type(manager).__name__ == type(plain).__name__


def test_a_manager_that_the_model_has_not_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="elsewhere"):

        @invalidation.register(Foreign)
        class Wrong(invalidation.Rules):
            managers = ["elsewhere"]


def test_a_manager_that_is_not_named_stays_as_it_is(outbox: Outbox) -> None:
    assert not isinstance(Foreign.objects.all(), InvalidatingQuerySet)


def test_a_model_that_is_defined_late_makes_no_manager_blind(outbox: Outbox) -> None:
    owner = Owner.objects.create(slug="a")
    Owned.objects.create(slug="o", owner=owner)
    Adopted.objects.create(slug="one")
    apps.clear_cache()  # as Django does whenever a class of a model is made
    outbox.forget()
    owner.delete()
    assert "/owned/o/" in outbox.urls
    Adopted.objects.update(note="y")
    assert "/adopted/one/" in outbox.urls
