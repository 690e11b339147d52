"""A method of a rule that fails loses nothing but its own targets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import invalidation
from tests.fixtures.library.models import Genre
from tests.unit.emission.conftest import Outbox

pytestmark = pytest.mark.django_db(transaction=True)


class FailingTags(invalidation.Rules):
    def tags(self, genre: Genre) -> list[str]:
        raise ZeroDivisionError

    def keys(self, genre: Genre) -> list[str]:
        return [f"genre:{genre.slug}"]


class OneBadTag(invalidation.Rules):
    def tags(self, genre: Genre) -> list[str]:
        return ["first", "Not A Tag", "last"]


class FailingCondition(invalidation.Rules):
    def when(self, genre: Genre) -> bool:
        raise ZeroDivisionError


@pytest.fixture
def genre(outbox: Outbox, request: pytest.FixtureRequest) -> Iterator[Genre]:
    """Loaded, under the rules that the test names."""
    genre = Genre.objects.create(slug="prose")
    outbox.forget()
    invalidation.register(Genre, rules=request.param)
    yield genre
    invalidation.register(Genre, rules=invalidation.Rules)


def rename(genre: Genre) -> list[str]:
    """The rules that were logged to fail."""
    genre.slug = "verse"
    with capture_logs() as logs:
        genre.save()
    return [line["rule"] for line in logs if line["event"] == "invalidation_rules_failed"]


@pytest.mark.parametrize("genre", [FailingTags], indirect=True)
def test_addresses_and_keys_stand_where_tags_fail(genre: Genre, outbox: Outbox) -> None:
    assert set(rename(genre)) == {"FailingTags.tags"}
    assert outbox.urls == {"/genres/prose/", "/genres/verse/"}
    assert {key.key for key in outbox.targets.keys} == {"genre:prose", "genre:verse"}


@pytest.mark.parametrize("genre", [OneBadTag], indirect=True)
def test_one_bad_tag_loses_itself_alone(genre: Genre, outbox: Outbox) -> None:
    assert set(rename(genre)) == {"OneBadTag.tags"}
    assert {"first", "last", "library.genre"} <= outbox.tags
    assert outbox.urls == {"/genres/prose/", "/genres/verse/"}


@pytest.mark.parametrize("genre", [FailingCondition], indirect=True)
def test_what_may_be_public_is_taken_for_public(genre: Genre, outbox: Outbox) -> None:
    assert set(rename(genre)) == {"FailingCondition.when"}
    assert outbox.urls == {"/genres/prose/", "/genres/verse/"}


@pytest.mark.parametrize("genre", [FailingTags], indirect=True)
def test_its_line_names_the_place_and_holds_no_traceback(genre: Genre) -> None:
    genre.slug = "verse"
    with capture_logs() as logs:
        genre.save()
    [line] = [line for line in logs if line["event"] == "invalidation_rules_failed"]
    file, _, number = line["at"].rpartition(":")
    assert file == __file__
    assert "raise ZeroDivisionError" in Path(file).read_text().splitlines()[int(number) - 1]
    assert "exc_info" not in line
