"""How rules are asked: what a failing one still gives, what is said of it, and which row each rule is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

import invalidation
from invalidation.emission import evaluation
from invalidation.emission.rows import history
from invalidation.emission.rules import Rules
from invalidation.freshness import complaints
from invalidation.targets.values import Manner, Targets
from tests.fixtures.library.models import (
    Author,
    Bestseller,
    Book,
    Document,
    Genre,
    Memoir,
    Notice,
    Patron,
    Person,
    Report,
    Shelf,
)

SITE = "https://example.com"
DEFAULTS = ["library.genre", "library.genre:7"]


@pytest.fixture(autouse=True)
def _sites(settings: Settings) -> Iterator[None]:
    settings.INVALIDATION = {**settings.INVALIDATION, "SITES": [SITE]}
    complaints.pending.forget()
    yield
    complaints.pending.forget()


def genre() -> Genre:
    return Genre(pk=7, slug="prose")


def rules(**methods: Any) -> Rules:
    made: type[Rules] = type("SomeRules", (Rules,), methods)
    return made(Genre)


def raising(error: Exception) -> Any:
    def method(*_: Any) -> Any:
        raise error

    return method


def asked(one: Rules, row: Any = None, **how: Any) -> tuple[Targets, list[dict[str, Any]]]:
    """What it gives, and the lines that were logged."""
    with capture_logs() as logs:
        targets = evaluation.targets_of(one, row or genre(), **how)
    return targets, [dict(line) for line in logs]


def test_rules_that_work_are_asked_once_and_nothing_is_logged() -> None:
    asked_for: list[Genre] = []

    def tags(_self: Rules, row: Genre) -> list[str]:
        asked_for.append(row)
        return ["t"]

    targets, lines = asked(rules(tags=tags))
    assert targets == Targets.of(tags=[*DEFAULTS, "t"], urls=["/genres/prose/"])
    assert (len(asked_for), lines) == (1, [])


def test_what_works_is_asked_once_though_an_address_is_on_another_host() -> None:
    seen: list[Genre] = []

    def when(_self: Rules, row: Genre) -> bool:
        seen.append(row)
        return True

    row = genre()
    targets, [line] = asked(rules(when=when, urls=lambda self, row: ["https://else.example/"]), row)
    assert "https://else.example/" in targets.urls
    assert seen == [row]
    assert (line["rule"], line["pk"]) == ("SomeRules.urls", 7)


def test_where_one_method_fails_an_address_on_another_host_is_named_too() -> None:
    foreign = rules(tags=raising(ValueError()), urls=lambda self, row: ["https://else.example/"])
    targets, lines = asked(foreign)
    assert targets.urls == {"/genres/prose/", "https://else.example/"}
    assert [(line["rule"], line["pk"]) for line in lines] == [("SomeRules.tags", 7), ("SomeRules.urls", 7)]


def test_what_is_asked_besides_some_methods_is_the_rest() -> None:
    one = rules(tags=lambda self, row: ["t"], keys=lambda self, row: ["k"])
    assert asked(one, besides=["tags"])[0] == Targets.of(tags=DEFAULTS, urls=["/genres/prose/"], keys=["k"])
    assert asked(one, besides=["get_absolute_url"])[0] == Targets.of(tags=[*DEFAULTS, "t"], keys=["k"])
    hidden = rules(when=lambda self, row: False)
    assert asked(hidden, besides=["tags"])[0] == Targets()


def test_a_failed_method_is_named_with_its_row_its_error_and_its_place() -> None:
    targets, [line] = asked(rules(urls=raising(ValueError("x" * 2000))))
    assert targets == Targets.of(tags=DEFAULTS, urls=["/genres/prose/"])
    at = line.pop("at")
    assert at.startswith(f"{__file__}:")
    assert line == {
        "event": "invalidation_rules_failed",
        "log_level": "error",
        "rule": "SomeRules.urls",
        "model": "library.Genre",
        "pk": 7,
        "error": f"ValueError('{'x' * 2000}')"[:1000],
    }


def test_a_bad_value_is_named_in_the_words_of_the_refusal() -> None:
    targets, [line] = asked(rules(keys=lambda self, row: ["k", "", 7, "l"]))
    assert targets == Targets.of(tags=DEFAULTS, urls=["/genres/prose/"], keys=["k", "l"])
    assert line["error"] == "A cache key can't be empty; name the key to delete."
    assert line["rule"] == "SomeRules.keys"


class Calling(Rules):
    """Fails in what it calls."""

    def tags(self, instance: Genre) -> list[str]:
        return [str(json.loads(tag)) for tag in ("1", "x")]


def test_the_place_of_a_failure_is_the_rule_s_own_line_whatever_it_called() -> None:
    _, [line] = asked(Calling(Genre))
    file, _, number = line["at"].rpartition(":")
    assert file == __file__
    with open(__file__) as source:  # noqa: PTH123 (a line of this file)
        assert "json.loads(tag)" in source.read().splitlines()[int(number) - 1]


def test_the_place_of_a_refusal_is_where_it_was_refused() -> None:
    _, [line] = asked(rules(urls=lambda self, row: ["https://else.example/"]))
    assert line["at"].rpartition(":")[0].endswith("targets/sites.py")


def test_an_address_on_another_host_is_named_and_kept_for_whoever_serves_it() -> None:
    targets, [line] = asked(rules(prefixes=lambda self, row: ["https://else.example/a/", f"{SITE}/b/"]))
    assert targets.prefixes == {"https://else.example/a/", f"{SITE}/b/"}
    assert (line["rule"], line["model"]) == ("SomeRules.prefixes", "library.Genre")
    assert line["error"].startswith("'https://else.example/a/' is on none of the configured sites")


def test_without_sites_no_host_is_another(settings: Settings) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "SITES": []}
    assert asked(rules(urls=lambda self, row: ["https://else.example/"]))[1] == []
    assert evaluation.addresses(["https://else.example/a"]).urls == {"https://else.example/a"}


def test_a_condition_that_fails_is_named_and_taken_for_yes() -> None:
    targets, [line] = asked(rules(when=raising(ZeroDivisionError())))
    assert targets == Targets.of(tags=DEFAULTS, urls=["/genres/prose/"])
    assert (line["rule"], line["error"]) == ("SomeRules.when", "ZeroDivisionError()")


def test_addresses_that_no_purge_could_be_sent_for_are_left_out() -> None:
    urls = ["/a", f"{SITE}/b", "https://else.example/c", "no path", "/d"]
    assert evaluation.addresses(urls) == Targets.of(urls=["/a", f"{SITE}/b", "/d"])
    assert evaluation.addresses([]) == Targets()


def test_an_address_that_a_method_gave_is_taken_or_named() -> None:
    one = rules()
    with capture_logs() as logs:
        assert evaluation.address(one, genre(), "derived_urls", "/a") == Targets.of(urls=["/a"])
        assert evaluation.address(one, genre(), "derived_urls", "no path") == Targets()
    [line] = logs
    assert line["rule"] == "SomeRules.derived_urls"
    assert line["error"].startswith("'no path' is not a URL")
    with capture_logs() as logs:
        complaints.pending.forget()
        evaluation.address(rules(), genre(), "derived_urls", "https://else.example/")
    assert [(line["rule"], line["pk"]) for line in logs] == [("SomeRules.urls", 7)]


def test_a_comparison_is_asked_where_the_public_saw_one_of_both_states() -> None:
    def compare(_self: Rules, old: Genre | None, new: Genre | None) -> Targets:
        return Targets.of(tags=[f"{old and old.slug}-{new and new.slug}".lower()])

    one = rules(changed=compare, when=lambda self, row: row.slug != "hidden")
    old, new, hidden = Genre(slug="old"), Genre(slug="new"), Genre(slug="hidden")
    assert evaluation.compared(one, old, new).tags == {"old-new"}
    assert evaluation.compared(one, None, new).tags == {"none-new"}
    assert evaluation.compared(one, old, None).tags == {"old-none"}
    assert evaluation.compared(one, hidden, new).tags == {"hidden-new"}
    assert evaluation.compared(one, hidden, hidden) == evaluation.compared(one, None, hidden) == Targets()
    assert evaluation.compared(rules(changed=lambda *_: None), old, new) == Targets()


def test_a_comparison_that_fails_is_named_with_the_row_as_it_is() -> None:
    with capture_logs() as logs:
        assert evaluation.compared(rules(changed=raising(KeyError("a"))), Genre(pk=1), Genre(pk=2)) == Targets()
    [line] = logs
    assert (line["rule"], line["pk"], line["error"]) == ("SomeRules.changed", 2, "KeyError('a')")


def test_the_manner_of_many_rules_is_the_most_urgent_of_all() -> None:
    some = [rules(lane="bulk", mode="refresh"), rules(lane="editorial", mode="invalidate")]
    assert evaluation.manner_of(some) == Manner("editorial", "refresh")
    assert evaluation.manner_of([]) == Manner()


def test_a_row_is_shown_as_the_model_that_the_rules_are_for() -> None:
    bestseller = Bestseller(pk=7, slug="waves", author_id=3)
    assert evaluation.seen_as(Book, bestseller) is bestseller
    book = Book(pk=7, slug="waves", author_id=3)
    seen = evaluation.seen_as(Bestseller, book)
    assert isinstance(seen, Bestseller)
    assert (seen.pk, seen.slug) == (7, "waves")
    assert isinstance(evaluation.seen_as(Patron, Person(pk=1)), Patron)
    assert evaluation.seen_as(Report, Document(pk=1)) is None
    assert evaluation.seen_as(Author, book) is None


@pytest.mark.django_db
def test_rows_of_a_parent_are_shown_as_its_children_by_one_query(django_assert_num_queries: Any) -> None:
    parents = [Document.objects.create(slug="alone")]
    memoirs = [Memoir.objects.create(number=number, slug=f"m{number}") for number in (101, 102)]
    parents += [Document.objects.get(pk=memoir.document_id) for memoir in memoirs]
    with django_assert_num_queries(1):
        found = evaluation.as_instances(Rules(Memoir), parents, "default")
    assert {row.pk for row in found} == {101, 102}
    with django_assert_num_queries(0):
        assert evaluation.as_instances(Rules(Document), parents, "default") == parents
        assert evaluation.as_instances(Rules(Report), memoirs, "default") == []


@pytest.mark.django_db
def test_what_rules_follow_is_loaded_for_all_rows_at_once(django_assert_num_queries: Any) -> None:
    for slug in ("a", "b"):
        Book.objects.create(slug=slug, author=Author.objects.create(slug=slug))
    one = type("Related", (Rules,), {"related": ["author"]})(Book)
    with django_assert_num_queries(2):
        for row in evaluation.as_instances(one, list(Book.objects.all()), "default"):
            assert row.author.slug == row.slug  # type: ignore[attr-defined]  # a book
    with django_assert_num_queries(1):
        evaluation.as_instances(one, list(Book.objects.all()[:1]), "default")


def test_a_child_with_the_old_values_of_its_parent_keeps_its_own() -> None:
    report = Report(pk=7, slug="new", year=2001)
    old = Document(pk=7, slug="old")
    old._state.db = "other"
    seen = evaluation.with_values_of(report, old)
    assert seen._state.db is None
    assert isinstance(seen, Report)
    assert (seen.slug, seen.year, report.slug) == ("old", 2001, "new")


@pytest.mark.django_db
def test_rows_that_are_compared_are_paired_by_their_keys() -> None:
    def compare(_self: Rules, old: Genre | None, new: Genre) -> Targets:
        return Targets.of(tags=[f"{old and old.slug}-{new.slug}".lower()])

    invalidation.register(Genre, rules=type("Comparing", (Rules,), {"changed": compare}))
    try:
        rows = [Genre(pk=1, slug="a"), Genre(pk=2, slug="b")]
        olds = evaluation.comparable(rows, Genre, "default")
        assert [set(seen) for seen in olds.values()] == [{1, 2}]
        now = [Genre(pk=2, slug="y"), Genre(pk=3, slug="z")]
        assert evaluation.compared_rows(olds, now, Genre, "default").tags == {"b-y", "none-z"}
        assert evaluation.compared_rows({}, now, Genre, "default").tags == {"none-y", "none-z"}
    finally:
        invalidation.register(Genre)
    assert evaluation.comparable(rows, Genre, "default") == {}


@pytest.mark.django_db
def test_at_an_instant_a_row_makes_stale_what_it_shows_or_showed() -> None:
    shelf = Shelf.objects.create(slug="s")
    notice = Notice.objects.create(slug="n", shelf=shelf, opens_at=timezone.now() + timedelta(days=1))
    one = type("Timed", (Rules,), {"when": lambda self, row: False, "tags": lambda self, row: ["t"]})(Notice)
    assert evaluation.timed_targets(one, notice) == Targets.of(
        tags=["library.notice", f"library.notice:{notice.pk}", "t"], urls=["/notices/n/"]
    )


def test_the_default_tags_are_those_of_every_rule_that_sees_the_row() -> None:
    both = [Rules(Document), Rules(Report)]
    assert evaluation.default_targets(both, Report(id=7, document_ptr_id=7), "default") == Targets.of(
        tags=["library.document", "library.document:7", "library.report", "library.report:7"]
    )


@pytest.mark.django_db
def test_rules_that_ignore_a_relation_are_not_asked_about_it() -> None:
    invalidation.register(Genre, rules=type("Ignoring", (Rules,), {"ignore": ["books"]}))
    try:
        assert evaluation.row_targets([genre()], Genre, "default", ignoring="books") == Targets()
        assert evaluation.row_targets([genre()], Genre, "default", ignoring="others").tags == set(DEFAULTS)
        assert evaluation.row_targets([genre()], Genre, "default").tags == set(DEFAULTS)
    finally:
        invalidation.register(Genre)


@pytest.mark.django_db(databases=["default", "other"])
def test_children_are_read_from_the_database_of_their_parents() -> None:
    Document.objects.using("other").create(slug="so that keys differ")
    memoir = Memoir.objects.using("other").create(number=901, slug="m")
    parent = Document.objects.using("other").get(pk=memoir.document_id)
    tag = "library.memoir:901"
    [child] = evaluation.as_instances(Rules(Memoir), [parent], "other")
    assert (child.pk, child._state.db) == (901, "other")
    assert tag in evaluation.row_targets([parent], Document, "other").tags
    assert tag in evaluation.default_targets([Rules(Memoir)], parent, "other").tags
    assert tag in evaluation.timed_targets(Rules(Memoir), parent).tags
    assert tag in evaluation.change_targets(Rules(Memoir), parent, parent, {"slug"}, "other").tags
    built = Document(pk=Memoir.objects.create(number=902, slug="n").document_id)
    assert "library.memoir:902" in evaluation.timed_targets(Rules(Memoir), built).tags
    invalidation.register(Memoir, rules=type("Comparing", (Rules,), {"changed": lambda *_: Targets.of(tags=["both"])}))
    try:
        olds = evaluation.comparable([parent], Document, "other")
        assert [set(seen) for seen in olds.values()] == [{901}]
        assert evaluation.compared_rows(olds, [parent], Document, "other").tags == {"both"}
    finally:
        invalidation.register(Memoir)


def renamed(one: Rules, changed: set[str]) -> set[str]:
    """Addresses that a write of these columns makes stale: before and after it everything was another."""
    book = Book(pk=7, slug="new", title="new", author_id=2, public=True)
    history.remember(book, Book(pk=7, slug="old", title="old", author_id=1, public=True))
    return set(evaluation.change_targets(one, book, book, changed, "default").urls)


def telling(**values: Any) -> Rules:
    made: type[Rules] = type("Telling", (Rules,), {"urls": lambda self, row: [f"/t/{row.title}/"], **values})
    return made(Book)


OLD, NEW = {"/books/old/", "/t/old/"}, {"/books/new/", "/t/new/"}


def test_what_a_row_was_is_stale_where_a_tracked_column_has_changed() -> None:
    assert renamed(telling(), {"title"}) == OLD | NEW
    assert renamed(telling(), set()) == NEW
    assert renamed(telling(track=["slug"]), {"title"}) == NEW
    assert renamed(telling(track=["slug"]), {"title", "slug"}) == OLD | NEW
    assert renamed(telling(track=["author"]), {"author_id"}) == OLD | NEW
    assert renamed(telling(track=[], lists_by=["author"]), {"author_id"}) == OLD | NEW
    assert renamed(telling(track=[]), {"author_id"}) == NEW


def test_what_a_row_was_is_stale_where_nobody_sees_what_it_is() -> None:
    hidden = telling(track=["slug"], when=lambda self, row: row.title == "old")
    assert renamed(hidden, {"title"}) == OLD
    assert renamed(hidden, set()) == set()


def test_what_was_asked_before_the_write_stands_for_what_the_row_was() -> None:
    one = telling(before=["urls"])
    past = Book(pk=7, slug="old", title="moved")
    written = Book(pk=7, slug="new", title="new")
    assert evaluation.past_targets(one, written, past).urls == {"/books/old/", "/t/moved/"}
    written.__dict__[evaluation.FORETOLD] = {one: Targets.of(urls=["/t/old/"])}
    assert evaluation.past_targets(one, written, past).urls == {"/books/old/", "/t/old/"}
    assert evaluation.past_targets(telling(before=["urls"]), written, past).urls == {"/books/old/", "/t/moved/"}
    assert renamed(one, set()) == OLD | NEW


def test_before_a_write_only_the_methods_that_it_disturbs_are_asked_of_rows_that_are_seen() -> None:
    one = telling(before=["urls"], when=lambda self, row: row.public)
    assert evaluation.foretold_targets(one, Book(pk=7, title="a", public=True)) == Targets.of(urls=["/t/a/"])
    assert evaluation.foretold_targets(one, Book(pk=7, title="a", public=False)) == Targets()
