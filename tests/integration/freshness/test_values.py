"""A page that is made of cached values: an old value must not outlive its purge in a page that was made of it."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

import invalidation
from invalidation.caching import fresh_start, tagged
from invalidation.emission.api import stored
from invalidation.pipeline.intake import drain
from tests.integration.freshness.conftest import Behind
from tests.integration.freshness.pages import PATIENCE_SECONDS, VALUE_KEY, state
from tests.unit.pipeline.chain import Queue

VALUES: dict[str, Any] = {"values": {"PROVIDER": "invalidation.providers.redis.Redis"}}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["varnish", "nginx"])
def test_a_page_that_read_a_value_after_the_stamp_and_before_its_purge_is_not_stored(
    kind: str, behind: Behind, queue: Queue, shared_cache: None
) -> None:
    cached = behind(kind, inside=VALUES)
    with fresh_start():
        tagged.set(VALUE_KEY, 1, tags=state.tags)
    state.version = 2
    event = stored(invalidation.invalidate(tags=["page:1"]))
    drain.drain()
    state.hold()
    with ThreadPoolExecutor(1) as visitors:
        visit: Future[str] = visitors.submit(cached.get, "/value/")
        assert state.reading.wait(PATIENCE_SECONDS)
        queue.run()
        event.refresh_from_db()
        assert event.status == "done"
        state.release()
        assert visit.result(PATIENCE_SECONDS) == "version 1"
    assert cached.get("/value/") == "version 2"
