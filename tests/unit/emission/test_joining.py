"""Join rows in detail: what is named and what isn't, how urgently, and relations that a package writes its own way."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import models
from django.db.models import CASCADE
from django.db.models.signals import m2m_changed
from django.test.utils import isolate_apps

import invalidation
from invalidation.emission import leaving, registry, relations
from tests.fixtures.library.kinds import Group, Joint, Left, Member, Right
from tests.fixtures.library.models import Book, Genre, Patron, Person
from tests.unit.emission.conftest import Outbox, said

pytestmark = pytest.mark.django_db(transaction=True)

BOOK = {"/books/waves/", "/authors/woolf/"}


@pytest.fixture
def genres(book: Book, outbox: Outbox) -> list[Genre]:
    """With other keys than the book's."""
    made = [Genre.objects.create(pk=number, slug=slug) for number, slug in ((71, "novel"), (72, "essay"))]
    outbox.forget()
    return made


def pages(*genres: Genre) -> set[str]:
    return {f"/genres/{genre.slug}/" for genre in genres}


def test_the_join_models_of_a_relation_are_known_from_both_sides() -> None:
    joins = {Book.genres.through, Book.shelves.through}
    assert joins == set(relations.throughs(Book))
    assert relations.throughs(Genre) == [Book.genres.through]
    assert relations.throughs(Joint) == []


def test_both_ends_are_found_by_their_own_keys(outbox: Outbox, book: Book, genres: list[Genre]) -> None:
    book.genres.add(genres[0])
    genres[1].books.add(book)
    assert outbox.urls == BOOK | pages(*genres)
    outbox.forget()
    genres[0].books.clear()
    assert outbox.urls == BOOK | pages(genres[0])


def test_what_stays_joined_is_not_named(outbox: Outbox, book: Book, genres: list[Genre]) -> None:
    book.genres.add(*genres)
    outbox.forget()
    book.genres.remove(genres[0])
    assert outbox.urls == BOOK | pages(genres[0])


def test_a_removal_that_failed_leaves_nothing_to_the_next_addition(
    outbox: Outbox, book: Book, genres: list[Genre]
) -> None:
    def refuse(action: str, **_: Any) -> None:
        if action == "pre_remove":
            raise ZeroDivisionError

    book.genres.add(genres[0])
    m2m_changed.connect(refuse, sender=Book.genres.through)
    try:
        with pytest.raises(ZeroDivisionError):
            book.genres.remove(genres[0])
    finally:
        m2m_changed.disconnect(refuse, sender=Book.genres.through)
    outbox.forget()
    book.genres.add(genres[1])
    assert outbox.urls == BOOK | pages(genres[1])


def test_a_change_of_a_relation_is_as_urgent_as_either_end_and_says_what_changed(
    outbox: Outbox, book: Book, genres: list[Genre]
) -> None:
    with said(Genre, lane="takedown"):
        book.genres.add(genres[0])
    [event] = outbox.events
    assert (event.lane, event.reason) == ("takedown", f"library.book:{book.pk} changed: genres")


def test_an_end_whose_rules_ignore_the_relation_is_left_out(outbox: Outbox, book: Book, genres: list[Genre]) -> None:
    with said(Book, ignore=["genres", "views"]):
        book.genres.add(genres[0])
        assert outbox.urls == pages(genres[0])
        outbox.forget()
        genres[1].books.add(book)
        assert outbox.urls == pages(genres[1])


def test_the_key_of_a_row_is_known_to_rules_of_its_proxy_and_of_its_parents() -> None:
    assert relations._is_of(Person, registry.registered()[Patron])
    assert not relations._is_of(Genre, registry.registered()[Patron])


def test_a_relation_that_is_watched_anew_asks_before_its_rows_vanish(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    through = Member.groups.through
    for end in leaving.ends(through):
        monkeypatch.setattr(end.remote_field, "on_delete", CASCADE)
    leaving.watch(through)
    member, group = Member.objects.create(slug="m"), Group.objects.create(slug="g")
    member.groups.add(group)
    outbox.forget()
    member.delete()
    assert outbox.urls == {"/member/m/", "/group/g/"}


def test_another_reaction_to_a_deletion_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for end in leaving.ends(Member.groups.through):
        monkeypatch.setattr(end.remote_field, "on_delete", models.PROTECT)
    leaving.watch(Member.groups.through)
    assert {end.remote_field.on_delete for end in leaving.ends(Member.groups.through)} == {models.PROTECT}


def test_a_far_end_that_nobody_registered_is_not_named(outbox: Outbox) -> None:
    member, group = Member.objects.create(slug="m"), Group.objects.create(slug="g")
    member.groups.add(group)
    outbox.forget()
    registry.unregister(Group)
    try:
        member.delete()
    finally:
        invalidation.register(Group)
    assert outbox.urls == {"/member/m/"}


def test_a_deletion_is_as_urgent_as_what_stands_at_the_far_end(outbox: Outbox) -> None:
    member, left = Member.objects.create(slug="m"), Left.objects.create(slug="l")
    member.groups.add(Group.objects.create(slug="g"))
    left.rights.add(Right.objects.create(slug="r"))
    outbox.forget()
    with said(Group, lane="takedown"), said(Right, lane="takedown"):
        for row in (member, left):
            row.delete()
    assert [event.lane for event in outbox.events] == ["takedown", "takedown"]


class Labels(models.Field):  # type: ignore[type-arg]  # not generic as it runs
    """A relation that a package writes its own way, as django-taggit does: no ManyToManyField."""

    many_to_many = True

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        self.set_attributes_from_name(name)
        self.model = cls
        self.is_relation = True
        self.remote_field: Any = SimpleNamespace(through=Label)
        cls._meta.add_field(self)


class Label:
    """Its join model."""


@pytest.fixture
def labelled() -> Iterator[models.Model]:
    with isolate_apps("tests.fixtures.library"):
        meta = type("Meta", (), {"app_label": "library"})
        model = type("Labelled", (models.Model,), {"__module__": __name__, "Meta": meta, "labels": Labels()})
        invalidation.register(model, rules=type("LabelledRules", (invalidation.Rules,), {"lane": "bulk"}))
        yield model(pk=7)
        registry.unregister(model)


@pytest.mark.parametrize(
    ("action", "keys", "events"),
    [
        ("pre_add", {1}, 0),
        ("post_add", {1}, 1),
        ("post_add", set(), 0),
        ("post_remove", {1}, 1),
        ("pre_clear", None, 0),
        ("post_clear", None, 1),
    ],
)
def test_a_relation_of_a_packages_own_names_the_row_whose_manager_has_changed_something(
    outbox: Outbox, labelled: models.Model, action: str, keys: set[int] | None, events: int
) -> None:
    told: dict[str, Any] = {"action": action, "model": Genre, "pk_set": keys, "reverse": False, "using": "default"}
    relations.on_relation_changed(Label, labelled, **told)  # type: ignore[arg-type]
    assert len(outbox.events) == events
    assert {event.lane for event in outbox.events} <= {"bulk"}
    assert outbox.tags == ({"library.labelled", "library.labelled:7"} if events else set())
