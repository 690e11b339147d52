"""Ways to call `invalidate`: from coroutines, with what was computed, and with nothing."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import SynchronousOnlyOperation
from django.utils.functional import lazystr
from pytest_django import Settings

import invalidation
from invalidation.exceptions import InvalidTarget
from tests.unit.emission.conftest import Outbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]


def test_a_computed_list_may_be_empty(outbox: Outbox) -> None:
    assert invalidation.invalidate(urls=[]) is None
    assert invalidation.invalidate(tags=iter([])) is None
    assert outbox.events == []


def test_an_empty_list_beside_other_targets_is_nothing(outbox: Outbox) -> None:
    invalidation.invalidate(urls=[], tags=["front"])
    assert outbox.tags == {"front"}


def test_addresses_may_come_from_a_generator_and_be_lazy(outbox: Outbox, settings: Settings) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "SITES": ["https://example.com"]}
    lazy: Any = lazystr
    invalidation.invalidate(urls=(lazy(f"/{number}/") for number in range(2)), tags=[lazy("front")])
    assert outbox.urls == {"/0/", "/1/"}
    assert outbox.tags == {"front"}


def test_a_lazy_string_is_no_list(outbox: Outbox) -> None:
    lazy: Any = lazystr
    with pytest.raises(InvalidTarget, match="takes a list"):
        invalidation.invalidate(tags=lazy("front"))


@pytest.mark.parametrize("named", [{"lane": "urgent"}, {"source": "cron"}])
def test_a_lane_or_source_that_is_none_is_refused_with_those_that_there_are(
    outbox: Outbox, named: dict[str, Any]
) -> None:
    with pytest.raises(InvalidTarget, match=r"use one of \w+, "):
        invalidation.invalidate(tags=["front"], **named)
    assert not outbox.tags


def test_a_coroutine_awaits_its_own_form(outbox: Outbox) -> None:
    async def write() -> None:
        await invalidation.ainvalidate(tags=["front"])

    async_to_sync(write)()
    assert outbox.tags == {"front"}


def test_a_coroutine_that_calls_the_other_form_is_told_of_its_own(outbox: Outbox) -> None:
    async def write() -> None:
        invalidation.invalidate(tags=["front"])

    with pytest.raises(SynchronousOnlyOperation, match="ainvalidate"):
        async_to_sync(write)()
