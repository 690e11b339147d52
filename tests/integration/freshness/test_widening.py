"""A plan that grows too long, and the copy of a page whose tags were others before: it is purged all the same."""

from __future__ import annotations

import pytest
from django.db import transaction

import invalidation
from invalidation.models import Widening
from invalidation.pipeline.delivery import deliver
from invalidation.pipeline.intake import drain
from tests.integration.freshness.conftest import Behind, Cached
from tests.integration.freshness.pages import state
from tests.unit.pipeline.chain import Queue

pytestmark = pytest.mark.django_db

#: The first that a deep lane reaches, and what a long plan takes.
LIMITS = [{"BACKLOG_PREFIXES_DEPTH": 1}, {"PLAN_CHEAPER_CALLS": 1}, {"PLAN_CALLS_LIMIT": 1}]


def purge(queue: Queue, cached: Cached) -> None:
    """The page by its address, and a tag that it has no longer, in one batch."""
    with transaction.atomic():
        invalidation.invalidate(urls=["/page/", "/elsewhere/"])
        invalidation.invalidate(tags=["before"])
    drain.drain()
    deliver.deliver("default", queue.deliveries.pop(0))


@pytest.mark.parametrize("limits", LIMITS, ids=min)
def test_an_address_is_never_left_to_a_tag_that_its_page_carried_before(
    behind: Behind, queue: Queue, limits: dict[str, int]
) -> None:
    cached = behind("varnish", **limits)
    state.tags = ("before",)
    assert cached.get("/page/") == "version 1"
    invalidation.invalidate(urls=["/page/"])
    drain.drain()
    deliver.deliver("default", queue.deliveries.pop(0))
    state.tags, state.version = ("after",), 2
    assert cached.get("/page/") == "version 2"
    state.version = 3
    purge(queue, cached)
    assert cached.get("/page/") == "version 3"


def test_what_a_deep_lane_may_widen_to_begins_with_folders() -> None:
    assert list(Widening) == ["", "prefixes", "everything"]
