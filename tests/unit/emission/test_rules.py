"""Rules by themselves: the tags that they give, and what they refuse when they are registered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.test.utils import isolate_apps

import invalidation
from invalidation.emission import registry
from invalidation.emission.rules import Rules, model_tag, object_tag, part_tag
from invalidation.exceptions import InvalidTarget
from invalidation.models import AtomicSaveMixin
from invalidation.targets.values import CacheKey, Manner, Targets
from project.blog.models import Post
from tests.fixtures.library.models import (
    Author,
    Bestseller,
    Book,
    Document,
    Genre,
    Loan,
    Memoir,
    Page,
    Patron,
    Person,
    Report,
)

DIGEST = "[0-9a-f]{32}"


def test_a_row_is_named_by_its_model_and_its_key() -> None:
    assert model_tag(Genre) == "library.genre"
    assert object_tag(Genre, 42) == "library.genre:42"
    assert part_tag(Book, "author_id", 3) == "library.book.author_id:3"


def test_a_key_outside_the_alphabet_is_named_by_a_digest_that_stays_the_same() -> None:
    assert object_tag(Genre, "Ä b") == "library.genre:h-d33b56f980479a20b67602990de3dc3c"
    assert part_tag(Book, "title", "Ä b") == "library.book.title:h-d33b56f980479a20b67602990de3dc3c"
    assert object_tag(Genre, "Ä c") != object_tag(Genre, "Ä b")
    assert re.fullmatch(f"library.genre:h-{DIGEST}", object_tag(Genre, "a" * 200))


def rules(**values: Any) -> type[Rules]:
    return type("SomeRules", (Rules,), values)


@pytest.mark.parametrize(
    ("model", "values", "words"),
    [
        (Book, {"lists_by": ["author", "writer"]}, "lists_by names ['writer'], which Book has not."),
        (Book, {"before": ["urls", "pages", "files"]}, "before names ['files', 'pages'], which the rules have not."),
        (Genre, {"managers": ["objects", "others"]}, "managers names ['others'], which Genre has not."),
        (Genre, {"managers": ["slug"]}, "managers names ['slug'], which Genre has not."),
        (Page, {"moves": ["move", "shift"]}, "moves names ['shift'], which Page has not."),
    ],
)
def test_a_name_that_is_none_is_refused_with_its_owner(model: type[Model], values: dict[str, Any], words: str) -> None:
    with pytest.raises(ImproperlyConfigured) as error:
        rules(**values)(model)
    assert str(error.value) == f"SomeRules.{words}"


def test_names_that_are_some_are_taken() -> None:
    made = rules(lists_by=["author", "title"], before=["urls", "get_absolute_url"], managers=["objects"])(Book)
    assert made.model is Book
    rules(moves=["move", "bulk_create"])(Page)


def test_a_lane_or_a_mode_that_is_none_is_refused_with_the_rules_name() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^SomeRules: 'fast' is not a lane; use one of "):
        rules(lane="fast")(Genre)
    with pytest.raises(ImproperlyConfigured, match=r"^SomeRules: 'soft' is not a mode; use one of "):
        rules(mode="soft")(Genre)
    assert rules(lane="bulk", mode="refresh")(Genre).manner == Manner("bulk", "refresh")
    assert Rules(Genre).manner == Manner("editorial", "delete")


def test_a_model_whose_name_is_no_tag_is_refused() -> None:
    with isolate_apps("tests.fixtures.library"):
        meta = type("Meta", (), {"proxy": True, "app_label": "library"})
        named = type("Œuvre", (Genre,), {"__module__": __name__, "Meta": meta})
    with pytest.raises(InvalidTarget, match="is not a tag"):
        Rules(named)


def test_the_defaults_are_both_tags_and_the_page() -> None:
    genre = Genre(pk=7, slug="prose")
    assert Rules(Genre).targets(genre) == Targets.of(
        tags=["library.genre", "library.genre:7"], urls=["/genres/prose/"]
    )  # fmt: skip
    loan = Loan(pk=7)  # has no page
    assert Rules(Loan).targets(loan) == Targets.of(tags=["library.loan", "library.loan:7"])


class Full(Rules):
    def when(self, instance: Genre) -> bool:
        return instance.slug == "prose"

    def tags(self, instance: Genre) -> Sequence[str]:
        return [f"t-{instance.slug}"]

    def urls(self, instance: Genre) -> Sequence[str]:
        return [f"/u/{instance.slug}/"]

    def prefixes(self, instance: Genre) -> Sequence[str]:
        return [f"/p/{instance.slug}/"]

    def keys(self, instance: Genre) -> Sequence[str | CacheKey]:
        return [f"k-{instance.slug}"]


def test_what_methods_give_of_the_row_stands_beside_the_defaults() -> None:
    found = Full(Genre).targets(Genre(pk=7, slug="prose"))
    assert found == Targets.of(
        tags=["library.genre", "library.genre:7", "t-prose"],
        urls=["/genres/prose/", "/u/prose/"],
        prefixes=["/p/prose/"],
        keys=["k-prose"],
    )
    asked = {(method, kind): list(ask(Genre(pk=7, slug="prose"))) for method, kind, ask in Full(Genre).methods()}
    assert asked == {
        ("tags", "tags"): ["t-prose"],
        ("get_absolute_url", "urls"): ["/genres/prose/"],
        ("urls", "urls"): ["/u/prose/"],
        ("prefixes", "prefixes"): ["/p/prose/"],
        ("keys", "keys"): ["k-prose"],
    }


def test_what_nobody_may_see_makes_nothing_stale() -> None:
    assert rules(when=lambda self, genre: False)(Genre).targets(Genre(pk=7)) == Targets()


def test_a_row_is_listed_by_the_values_of_the_named_columns() -> None:
    book = Book(pk=7, slug="waves", author_id=3, title="x")
    assert rules(lists_by=["author", "title"])(Book).default_targets(book) == Targets.of(
        tags=["library.book", "library.book:7", "library.book.author_id:3", "library.book.title:x"]
    )


def test_a_child_with_a_key_of_its_own_is_tagged_by_that() -> None:
    assert Rules(Memoir).default_targets(Memoir(number=9, document_id=4)) == Targets.of(
        tags=["library.memoir", "library.memoir:9"]
    )


def test_a_row_has_the_page_of_what_it_is_and_of_what_was_registered() -> None:
    report = Report(pk=7, slug="a", year=2001)
    assert Rules(Document).targets(report).urls == {"/reports/2001/a/", "/documents/a/"}
    assert Rules(Patron).targets(Person(pk=7, name="ada")).urls == {"/patrons/ada/"}
    assert Rules(Book).targets(Bestseller(pk=7, slug="waves")).urls == {"/books/waves/"}


def test_rules_compare_or_name_instants_only_where_they_say_so() -> None:
    assert not Rules(Genre).compares
    assert not Rules(Genre).is_timed
    assert rules(changed=lambda self, old, new: None)(Genre).compares
    assert rules(changes_at=lambda self, genre: [])(Genre).is_timed
    silent = Rules(Genre)
    assert silent.changed(None, None) is None
    assert [*silent.changes_at(None), *silent.derived_urls(None)] == []


def test_register_needs_a_model_that_has_rows() -> None:
    with pytest.raises(ImproperlyConfigured) as error:
        invalidation.register()
    assert str(error.value) == "invalidation.register() needs a model: write @invalidation.register(Post)."
    for wrong in (AtomicSaveMixin, 7):
        with pytest.raises(ImproperlyConfigured) as error:
            invalidation.register(wrong)  # type: ignore[arg-type]  # on purpose
        assert str(error.value) == f"{wrong!r} can't be registered: give a model class that isn't abstract."


def test_rules_hold_for_proxies_children_and_parents_and_for_no_other() -> None:
    assert registry.related(Bestseller, Book)
    assert registry.related(Book, Bestseller)
    assert registry.related(Report, Document)
    assert registry.related(Document, Report)
    with isolate_apps("tests.fixtures.library"):
        meta = type("Meta", (), {"proxy": True, "app_label": "library"})
        paper = type("Paper", (Document,), {"__module__": __name__, "Meta": meta})
    assert registry.related(paper, Report)
    assert registry.related(Report, paper)
    assert not registry.related(Report, Memoir)
    assert not registry.related(Author, Book)
    assert not registry.related(AtomicSaveMixin, Book)
    assert not registry.related(Book, AtomicSaveMixin)


def test_rules_of_a_model_are_its_own_and_those_of_its_relatives() -> None:
    def known(model: type[Model]) -> set[type[Model]]:
        return {one.model for one in registry.rules_for(model)}

    assert known(Bestseller) == {Book}
    assert known(Report) == {Document, Report}
    assert known(Document) == {Document, Report, Memoir}
    assert known(Person) == {Patron}
    assert set(registry.relatives(Document)) == {Document, Report, Memoir}
    assert Book.genres.through not in registry.relatives(Book)
    assert registry.relatives(Book.genres.through) == [Book.genres.through]


def test_columns_that_some_rule_shows_are_public_and_those_that_one_tracks_are_told() -> None:
    assert "views" not in registry.public_columns(Book)
    assert {"id", "slug", "author_id", "title"} <= registry.public_columns(Book)
    assert registry.tracked_columns(Book) == {"slug", "author_id"}
    assert registry.tracked_columns(Genre) == frozenset()


def test_what_was_worked_out_from_rules_is_forgotten_with_them() -> None:
    assert registry.public_columns(Genre) == {"id", "slug"}
    try:
        invalidation.register(Genre, rules=rules(ignore=["slug"], changes_at=lambda self, genre: []))
        assert registry.public_columns(Genre) == {"id"}
        assert [one.model for one in registry.timed(Genre)] == [Genre]
        assert "library.genre" in registry.timed_models()
    finally:
        invalidation.register(Genre)
    assert registry.public_columns(Genre) == {"id", "slug"}
    assert registry.timed(Genre) == ()
    assert "library.genre" not in registry.timed_models()


def test_what_is_worked_out_is_kept_until_there_are_other_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_kept", [*registry._kept])
    asked: list[type[Model]] = []

    @registry.kept
    def described(model: type[Model]) -> str:
        asked.append(model)
        return model.__name__

    assert [described(Genre), described(Author), described(Genre)] == ["Genre", "Author", "Genre"]
    assert asked == [Genre, Author]
    invalidation.register(Genre)
    assert described(Genre) == "Genre"
    assert asked == [Genre, Author, Genre]


def test_whoever_listens_is_told_of_what_is_registered_and_of_what_will_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_listening", [])
    told: list[type[Model]] = []
    registry.listen_with(told.append)
    assert told == list(registry.registered())
    told.clear()
    invalidation.register(Genre)
    assert told == [Genre]


def test_a_model_whose_rules_are_forgotten_has_none() -> None:
    try:
        registry.unregister(Genre)
        registry.unregister(Genre)
        assert registry.rules_for(Genre) == ()
        assert Genre not in registry.registered()
    finally:
        invalidation.register(Genre)
    assert [type(one) for one in registry.rules_for(Genre)] == [Rules]


def test_a_decorator_gives_its_rules_to_every_model_and_back() -> None:
    mine = rules()
    before = {model: type(registry.registered()[model]) for model in (Genre, Author)}
    try:
        assert invalidation.register(Genre, Author)(mine) is mine
        assert {type(registry.registered()[model]) for model in (Genre, Author)} == {mine}
    finally:
        for model, known in before.items():
            invalidation.register(model, rules=known)


def test_the_join_model_of_a_relation_is_known_unless_it_is_automatic() -> None:
    placement = Book.shelves.through
    assert registry.joins(placement)
    assert not registry.joins(Book.genres.through)
    known = registry.registered()[placement]
    registry.join(placement, known)
    assert registry.registered()[placement] is known
    assert known in registry.rules_for(placement)
    assert Post in registry.registered()
