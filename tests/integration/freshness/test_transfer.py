"""An answer that is on its way to a cache while that is purged: it left the application before, and arrives after."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler

import invalidation
from invalidation.emission.api import stored
from invalidation.pipeline.delivery import deliver
from invalidation.pipeline.intake import drain
from tests.integration.freshness.conftest import Application, Behind
from tests.integration.freshness.pages import PATIENCE_SECONDS, state
from tests.unit.pipeline.chain import Queue


class Held:
    """An application whose first answer stays on its way until it is let go.

    Nobody judges it any more: its process ends with the last byte, before it looks how long that took.
    """

    def __init__(self) -> None:
        self.handler = WSGIHandler()
        self.left, self.arrives = threading.Event(), threading.Event()

    def __call__(self, environment: dict[str, Any], start_response: Any) -> Any:
        response: Any = self.handler(environment, start_response)
        self.left.set()
        assert self.arrives.wait(PATIENCE_SECONDS)
        return [response.content]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["varnish", "nginx"])
def test_an_answer_that_arrives_after_the_purge_is_gone_when_the_event_is_done(
    kind: str, behind: Behind, application: Application, queue: Queue
) -> None:
    cached = behind(kind, TRANSFER_SECONDS=0.1)
    held = application.handler = Held()
    with ThreadPoolExecutor(1) as visitors:
        visit = visitors.submit(cached.get)
        assert held.left.wait(PATIENCE_SECONDS)
        state.version = 2
        event = stored(invalidation.invalidate(tags=["page:1"]))
        drain.drain()
        deliver.deliver("default", queue.deliveries.pop(0))
        held.arrives.set()
        assert visit.result(PATIENCE_SECONDS) == "version 1"
    event.refresh_from_db()
    assert event.status == "claimed"
    assert cached.get() == "version 1"
    queue.run()
    event.refresh_from_db()
    assert event.status == "done"
    assert cached.get() == "version 2"
