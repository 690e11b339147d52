"""A page is being rendered while its data changes and its copies are purged: the old page must not stay in a cache."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

import invalidation
from invalidation.emission.api import stored
from invalidation.models import Event
from invalidation.pipeline.aftercare import rebound
from invalidation.pipeline.intake import drain
from invalidation.status import documents
from tests.integration.freshness.conftest import GUARD, NAIVE, Behind, Cached, let_pass
from tests.integration.freshness.pages import PATIENCE_SECONDS, state
from tests.unit.pipeline.chain import Queue

#: Each way in which a purge reaches a cache: Varnish' PURGE, xkey and ban, Nginx' purge, and that by the tag index.
WAYS: list[Any] = [
    pytest.param("varnish", {"urls": ["/page/"]}, id="varnish-purge"),
    pytest.param("varnish", {"tags": ["page:1"]}, id="varnish-xkey"),
    pytest.param("varnish", {"prefixes": ["/pa"]}, id="varnish-ban"),
    pytest.param("nginx", {"urls": ["/page/"]}, id="nginx-purge"),
    pytest.param("nginx", {"tags": ["page:1"]}, id="nginx-by-index"),
]

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize(("kind", "targets"), WAYS)]


def race(cached: Cached, queue: Queue, targets: dict[str, Any]) -> Event:
    """A render starts, the data changes, the purge is complete, the render ends."""
    state.hold()
    with ThreadPoolExecutor(1) as visitors:
        visit: Future[str] = visitors.submit(cached.get)
        assert state.reading.wait(PATIENCE_SECONDS)
        state.version = 2
        event = purge(queue, targets)
        state.release()
        assert visit.result(PATIENCE_SECONDS) == "version 1"
    return event


def purge(queue: Queue, targets: dict[str, Any]) -> Event:
    event = stored(invalidation.invalidate(**targets))
    drain.drain()
    queue.run()
    event.refresh_from_db()
    assert event.status == "done"
    return event


def test_with_neither_guard_nor_rebound_the_old_page_stays(
    kind: str, targets: dict[str, Any], behind: Behind, queue: Queue
) -> None:
    cached = behind(kind, middleware=NAIVE)
    race(cached, queue, targets)
    assert cached.get() == "version 1"


def test_the_guard_alone_keeps_the_old_page_out(
    kind: str, targets: dict[str, Any], behind: Behind, queue: Queue
) -> None:
    cached = behind(kind, middleware=GUARD)
    race(cached, queue, targets)
    assert cached.get() == "version 2"


def test_the_rebound_alone_removes_the_old_page(
    kind: str, targets: dict[str, Any], behind: Behind, queue: Queue
) -> None:
    cached = behind(kind, middleware=NAIVE)
    event = race(cached, queue, targets)
    let_pass(timedelta(minutes=1))
    rebound.rebound("default")
    queue.run()
    assert cached.get() == "version 2"
    passes = [delivery["pass"] for delivery in documents.document(documents.find(event.uid))["deliveries"]]
    assert passes == ["purge", "rebound"]
