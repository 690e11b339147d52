"""Rules that compare the state before a write with the one after it, and that compute before it (E11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from structlog.testing import capture_logs

import invalidation
from invalidation import Targets
from tests.fixtures.library.models import Author, Genre, Page
from tests.unit.emission.conftest import Outbox
from tests.unit.emission.databases import meeting

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]


def slug(genre: Genre | None) -> str:
    return genre.slug if genre else "none"


class Comparing(invalidation.Rules):
    """Names both states in one tag."""

    def changed(self, old: Genre | None, new: Genre | None) -> Targets | None:
        if slug(old) == slug(new):
            return None
        return Targets.of(tags=[f"from.{slug(old)}.to.{slug(new)}"])


class Hidden(Comparing):
    def when(self, genre: Genre) -> bool:
        return not genre.slug.startswith("draft")


class Failing(invalidation.Rules):
    def changed(self, old: Genre | None, new: Genre | None) -> Targets:
        raise ZeroDivisionError


class AuthorComparing(invalidation.Rules):
    def changed(self, old: Author | None, new: Author | None) -> Targets:
        return Targets.of(tags=[f"from.{old.slug if old else 'none'}.to.{new.slug if new else 'none'}"])


@pytest.fixture(autouse=True)
def _rules(request: pytest.FixtureRequest, outbox: Outbox) -> Iterator[None]:
    invalidation.register(Genre, rules=getattr(request, "param", Comparing))
    invalidation.register(Author, rules=AuthorComparing)
    yield
    invalidation.register(Genre, Author, rules=invalidation.Rules)


def moves(outbox: Outbox) -> set[str]:
    found = {tag for tag in outbox.tags if tag.startswith("from.")}
    outbox.forget()
    return found


def test_a_row_comes_changes_and_goes(outbox: Outbox) -> None:
    genre = Genre.objects.create(slug="prose")
    assert moves(outbox) == {"from.none.to.prose"}
    genre.slug = "verse"
    genre.save()
    assert moves(outbox) == {"from.prose.to.verse"}
    genre.slug = "drama"
    async_to_sync(genre.asave)(update_fields=["slug"])
    assert moves(outbox) == {"from.verse.to.drama"}
    genre.delete()
    assert moves(outbox) == {"from.drama.to.none"}


def test_what_was_rolled_back_is_no_old_state(outbox: Outbox) -> None:
    genre = Genre.objects.create(slug="prose")
    with transaction.atomic():
        genre.slug = "verse"
        genre.save()
        transaction.set_rollback(True)
    outbox.forget()
    genre.slug = "drama"
    genre.save()
    assert moves(outbox) == {"from.prose.to.drama"}


def test_bulk_writes_pair_each_row_with_itself(outbox: Outbox) -> None:
    rows = Author.objects.bulk_create([Author(slug="woolf"), Author(slug="joyce")])
    assert moves(outbox) == {"from.none.to.woolf", "from.none.to.joyce"}
    for row in rows:
        row.slug += "-2"
    Author.objects.bulk_update(rows, ["slug"])
    assert moves(outbox) == {"from.woolf.to.woolf-2", "from.joyce.to.joyce-2"}
    Author.objects.filter(slug="woolf-2").update(slug="eliot")
    assert moves(outbox) == {"from.woolf-2.to.eliot"}
    Author.objects.bulk_create(
        [Author(pk=rows[0].pk, slug="stein"), Author(pk=rows[1].pk + 1, slug="proust")],
        update_fields=["slug"],
        **meeting("pk"),
    )
    assert moves(outbox) == {"from.eliot.to.stein", "from.none.to.proust"}
    Author.objects.filter(slug="stein").delete()
    assert moves(outbox) == {"from.stein.to.none"}


@pytest.mark.parametrize("_rules", [Hidden], indirect=True)
def test_a_rule_that_hides_both_states_is_not_asked(outbox: Outbox) -> None:
    genre = Genre.objects.create(slug="draft")
    genre.slug = "draft-2"
    genre.save()
    assert outbox.events == []
    genre.slug = "prose"
    genre.save()
    assert moves(outbox) == {"from.draft-2.to.prose"}


@pytest.mark.parametrize("_rules", [Failing], indirect=True)
def test_a_comparison_that_fails_loses_nothing_else(outbox: Outbox) -> None:
    with capture_logs() as logs:
        genre = Genre.objects.create(slug="prose")
        outbox.forget()
        genre.slug = "verse"
        genre.save()
    assert [line["rule"] for line in logs if line["event"] == "invalidation_rules_failed"] == ["Failing.changed"]
    assert outbox.urls == {"/genres/prose/", "/genres/verse/"}


def test_a_comparison_costs_no_query(outbox: Outbox) -> None:
    Genre.objects.create(slug="prose")
    genre = Genre.objects.get()
    genre.slug = "verse"
    with CaptureQueriesContext(connection) as queries:
        genre.save()
    assert [query["sql"].split()[0] for query in queries] == ["UPDATE", "INSERT"]


class PageRules(invalidation.Rules):
    before = ["get_absolute_url", "prefixes"]
    moves = ["move"]

    def prefixes(self, page: Page) -> list[str]:
        return [page.get_absolute_url()]


@pytest.fixture
def tree(outbox: Outbox) -> Iterator[dict[str, Page]]:
    """`/pages/a/`, `/pages/b/` and `/pages/a/leaf/`."""
    invalidation.register(Page, rules=PageRules)
    a, b = Page.objects.create(slug="a"), Page.objects.create(slug="b")
    leaf = Page.objects.create(slug="leaf", parent=a)
    outbox.forget()
    yield {"a": a, "b": b, "leaf": Page.objects.get(pk=leaf.pk)}
    invalidation.register(Page, rules=invalidation.Rules)


BOTH = {"/pages/a/leaf/", "/pages/b/leaf/"}


def test_what_a_write_changes_is_asked_before_it(outbox: Outbox, tree: dict[str, Page]) -> None:
    tree["leaf"].parent = tree["b"]
    tree["leaf"].save()
    assert outbox.urls == set(outbox.targets.prefixes) == BOTH


def test_bulk_writes_and_deletions_are_asked_before_too(outbox: Outbox, tree: dict[str, Page]) -> None:
    Page.objects.filter(slug="leaf").update(parent=tree["b"])
    assert outbox.urls == BOTH
    outbox.forget()
    Page.objects.get(slug="leaf").delete()
    assert outbox.urls == {"/pages/b/leaf/"}


def test_a_move_behind_the_back_of_the_signals_is_seen(outbox: Outbox, tree: dict[str, Page]) -> None:
    tree["leaf"].move(tree["b"])
    assert outbox.urls == BOTH
    assert {"library.page", f"library.page:{tree['leaf'].pk}"} <= outbox.tags


def test_a_move_that_fails_or_is_rolled_back_leaves_nothing(outbox: Outbox, tree: dict[str, Page]) -> None:
    with transaction.atomic():
        tree["leaf"].move(tree["b"])
        transaction.set_rollback(True)
    assert outbox.events == []
    tree["leaf"].save()
    assert outbox.urls == {"/pages/a/leaf/"}


@pytest.mark.parametrize(
    ("names", "moved"), [(["url"], []), (["when"], []), ([], ["no_such_method"])], ids=["unknown", "when", "method"]
)
def test_a_rule_that_names_no_method_is_refused(names: list[str], moved: list[str]) -> None:
    class Wrong(invalidation.Rules):
        before: ClassVar[Any] = names
        moves: ClassVar[Any] = moved

    with pytest.raises(ImproperlyConfigured, match="Wrong"):
        invalidation.register(Page, rules=Wrong)
