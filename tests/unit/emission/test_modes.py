"""What an event says of its mode: as a rule or a caller names it, merged, scheduled and refused (T12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

import invalidation
from invalidation import conf
from invalidation.emission import instants, registry
from invalidation.exceptions import InvalidTarget
from invalidation.models import ScheduledEvent
from invalidation.targets.values import Lane, Manner, Mode, joined
from tests.fixtures.library.models import Author, Book, Genre, Notice
from tests.unit.emission.conftest import Outbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]

MANNERS = st.builds(Manner, st.sampled_from(Lane.values), st.sampled_from(Mode.values))
Declare = Callable[[str], None]


@pytest.fixture
def declare(outbox: Outbox) -> Iterator[Declare]:
    """Let the rules of genres be of this mode."""

    def declared(mode: str) -> None:
        invalidation.register(Genre, rules=type("GenreRules", (invalidation.Rules,), {"mode": mode}))

    yield declared
    invalidation.register(Genre, rules=invalidation.Rules)


def modes(outbox: Outbox) -> list[str]:
    return [event.mode for event in outbox.events]


@pytest.mark.parametrize("mode", Mode.values)
def test_a_write_s_event_has_the_mode_of_its_rules(outbox: Outbox, declare: Declare, mode: str) -> None:
    declare(mode)
    genre = Genre.objects.create(slug="a")
    genre.slug = "b"
    genre.save()
    assert modes(outbox) == [mode] * 2


@pytest.mark.parametrize(("mode", "made"), [("invalidate", "delete"), ("delete", "delete"), ("refresh", "refresh")])
def test_a_deletion_is_as_thorough_as_the_rules_of_what_goes_with_the_row(
    outbox: Outbox, declare: Declare, mode: str, made: str
) -> None:
    declare(mode)
    genre = Genre.objects.create(slug="a")
    outbox.forget()
    genre.delete()
    assert modes(outbox) == [made]


def test_a_change_of_rules_of_two_modes_is_one_event_of_the_more_thorough(outbox: Outbox, declare: Declare) -> None:
    declare("refresh")
    genre = Genre.objects.create(slug="a")
    book = Book.objects.create(slug="b", author=Author.objects.create(slug="c"))
    outbox.forget()
    book.genres.add(genre)
    assert modes(outbox) == ["refresh"]


def test_a_caller_names_the_mode_and_delete_is_the_default(outbox: Outbox) -> None:
    invalidation.invalidate(tags=["front"])
    for mode in ("refresh", "invalidate"):
        invalidation.invalidate(tags=["front"], mode=mode)
    assert modes(outbox) == ["delete", "refresh", "invalidate"]


LANES = {"bulk": "invalidate", "editorial": "refresh"}


def declare_lanes(settings: Settings, modes: dict[str, str]) -> None:
    """Say what purges of lanes mean by going."""
    settings.INVALIDATION = {**settings.INVALIDATION, "BACKLOG": {"MODES": modes}}


def test_a_lane_says_what_is_meant_where_the_caller_does_not(outbox: Outbox, settings: Settings) -> None:
    declare_lanes(settings, LANES)
    for lane, mode in (("bulk", None), ("bulk", "delete"), ("editorial", None), ("takedown", None)):
        invalidation.invalidate(tags=["front"], lane=lane, mode=mode)
    assert modes(outbox) == ["invalidate", "delete", "refresh", "delete"]


@pytest.mark.parametrize(("mode", "made"), [(None, "invalidate"), ("delete", "delete"), ("refresh", "refresh")])
def test_a_lane_says_what_is_meant_where_the_rules_do_not(
    outbox: Outbox, settings: Settings, mode: str | None, made: str
) -> None:
    invalidation.register(Genre, rules=type("GenreRules", (invalidation.Rules,), {"mode": mode, "lane": "bulk"}))
    declare_lanes(settings, LANES)
    Genre.objects.create(slug="satire")
    invalidation.register(Genre, rules=invalidation.Rules)
    assert modes(outbox) == [made]


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"BACKLOG": {"MODES": {"bulk": "soft"}}}, "'soft' is not a mode"),
        ({"BACKLOG": {"MODES": {"night": "delete"}}}, "'night' is not a lane"),
        ({"BACKLOG": {"MODES": {"takedown": "invalidate"}}}, "leave the mode out"),
        ({"BACKLOG": {"MODES": "delete"}}, "takes a dictionary"),
        ({"TIERS": {"cdn": {"PROVIDER": "a.B", "MODE": "soft"}}}, "'soft' is not a mode"),
        ({"TIERS": {"cdn": {"PROVIDER": "a.B", "MODE": None}}}, "None is not a mode"),
        ({"TIERS": {"cdn": {"PROVIDER": "a.B", "OPTIONS": {"SOFT": True}}}}, "write 'MODE': 'invalidate' beside"),
    ],
)
def test_settings_that_name_no_mode_are_refused_with_the_remedy(declared: dict[str, Any], words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words):
        conf.parse(declared)


def test_equal_targets_of_two_modes_in_one_transaction_are_two_events(outbox: Outbox) -> None:
    with transaction.atomic():
        for mode in ("delete", "refresh", "delete"):
            invalidation.invalidate(tags=["front"], mode=mode)
    assert sorted(modes(outbox)) == ["delete", "refresh"]


def test_a_scheduled_event_keeps_its_mode_until_it_fires(outbox: Outbox) -> None:
    invalidation.invalidate(tags=["front"], mode="refresh", at=timezone.now() + timedelta(hours=1))
    ScheduledEvent.objects.update(due_at=timezone.now())
    assert instants.fire("default") == 1
    assert modes(outbox) == ["refresh"]


def test_an_instant_of_a_rule_fires_in_the_mode_of_the_rule(outbox: Outbox) -> None:
    known = registry.registered()[Notice]
    rules = type("Refreshing", (type(known),), {"mode": "refresh"})
    invalidation.register(Notice, rules=rules)
    try:
        Notice.objects.create(slug="sale", opens_at=timezone.now() + timedelta(hours=1))
        outbox.forget()
        ScheduledEvent.objects.update(due_at=timezone.now())
        instants.fire("default")
    finally:
        invalidation.register(Notice, rules=type(known))
    assert modes(outbox) == ["refresh"]


@pytest.mark.parametrize("how", [{"mode": ""}, {"lane": ["bulk"]}, {"lane": None}, {"mode": ["delete"]}])
def test_what_is_no_lane_and_no_mode_is_refused_whatever_it_is(outbox: Outbox, how: dict[str, Any]) -> None:
    with pytest.raises(InvalidTarget, match=r"is not a (lane|mode)"):
        invalidation.invalidate(tags=["front"], **how)


def test_a_mode_that_is_none_is_refused_with_those_that_there_are(outbox: Outbox) -> None:
    with pytest.raises(InvalidTarget, match="'soft' is not a mode; use one of invalidate, delete, refresh"):
        invalidation.invalidate(tags=["front"], mode="soft")
    assert not outbox.events


def test_a_takedown_that_would_be_shown_once_more_is_refused(outbox: Outbox) -> None:
    with pytest.raises(InvalidTarget, match="takedown"):
        invalidation.invalidate(tags=["front"], lane="takedown", mode="invalidate")
    assert not outbox.events


@pytest.mark.parametrize(
    "declared", [{"mode": "soft"}, {"mode": ""}, {"lane": "takedown", "mode": "invalidate"}, {"lane": "fast"}]
)
def test_rules_with_an_impossible_manner_are_refused_where_they_are_registered(declared: dict[str, str]) -> None:
    with pytest.raises(ImproperlyConfigured, match="Wrong: "):
        invalidation.register(Genre, rules=type("Wrong", (invalidation.Rules,), declared))


@given(st.lists(MANNERS, min_size=1, max_size=4))
def test_joined_manners_are_as_urgent_and_as_thorough_as_the_first_of_each(manners: list[Manner]) -> None:
    whole = joined(manners)
    whole.check()  # a takedown is never shown once more, and a rule may ask for that beside one
    assert whole.lane == max(manner.lane for manner in manners)  # the foremost is the last in the alphabet
    asked = {manner.mode for manner in manners}
    assert (whole.mode == Mode.REFRESH) == (Mode.REFRESH in asked)
    assert whole.mode != Mode.INVALIDATE or asked == {Mode.INVALIDATE}
