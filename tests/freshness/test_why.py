"""`manage.py why`: each situation of a page is named by its reason, at a real Varnish or Nginx."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

import invalidation
from invalidation.models import Batch, Delivery
from invalidation.pipeline.delivery import deliver
from invalidation.pipeline.intake import drain
from tests.freshness.conftest import Behind, Cached
from tests.freshness.pages import state
from tests.pipeline.chain import Queue

pytestmark = pytest.mark.django_db

Situation = Callable[[Cached, Queue], object]


def explained(url: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code, and the documents of the command."""
    printed = StringIO()
    try:
        call_command("why", url, "--format", "json", stdout=printed)
    except CommandError as error:
        return error.returncode, json.loads(printed.getvalue() or "[]")
    return 0, json.loads(printed.getvalue())


def reason(url: str = "/page/") -> tuple[int, str]:
    """Exit code and the one node's reason."""
    code, [document] = explained(url)
    [copy] = document["copies"]
    return code, copy["reason"]


def drained(queue: Queue, *, delivered: bool = True, **targets: Any) -> None:
    invalidation.invalidate(**(targets or {"urls": ["/page/"]}))
    drain.drain()
    if delivered:
        deliver.deliver("default", queue.deliveries.pop(0))


def visited(cached: Cached, _: Queue) -> None:
    cached.get()


def purged(cached: Cached, queue: Queue) -> None:
    cached.get()
    drained(queue)


def purged_and_taken_again(cached: Cached, queue: Queue) -> None:
    purged(cached, queue)
    cached.get()


def left(cached: Cached, queue: Queue) -> None:
    cached.get()
    drained(queue, delivered=False)


def becomes(**values: Any) -> Situation:
    """The purge of the page, which has not reached its node, stands like this."""

    def situation(cached: Cached, queue: Queue) -> None:
        left(cached, queue)
        Delivery.objects.update(**values)

    return situation


def claims_a_purge(cached: Cached, queue: Queue) -> None:
    """An outer cache may say that it has purged, and hold what it took from an inner one."""
    left(cached, queue)
    Delivery.objects.update(status="purged", completed_at=timezone.now())


def claims_the_second_purge_too(cached: Cached, queue: Queue) -> None:
    claims_a_purge(cached, queue)
    Batch.objects.update(rebounded_at=timezone.now())


def private(cached: Cached, _: Queue) -> None:
    state.headers["Cache-Control"] = "private"


SITUATIONS: list[tuple[Situation, int, str]] = [
    (lambda *_: None, 0, "no copy: nobody had asked for it"),
    (visited, 0, "a copy; no purge concerned it lately"),
    (purged, 0, "no copy: purged at "),
    (purged_and_taken_again, 0, "a copy that is newer than the last purge"),
    (left, 1, "old: its purge waits for the tiers inside, or for a free worker"),
    (becomes(status="running"), 1, "old: its purge is under way"),
    (becomes(status="failed", error="Connection refused"), 1, "Connection refused"),
    (becomes(status="deferred", error="Left alone: 5 calls in a row failed."), 1, "Left alone"),
    (becomes(status="rejected", error="403 forbidden"), 1, "dead letter, which waits for a replay: 403 forbidden"),
    (claims_a_purge, 1, "old: taken up again after its purge; purged once more at"),
    (claims_the_second_purge_too, 1, "taken up again after its purge, and after the one that followed"),
    (private, 0, "kept by nobody"),
]


@pytest.mark.parametrize("kind", ["varnish", "nginx"])
@pytest.mark.parametrize("case", SITUATIONS, ids=[words for _, _, words in SITUATIONS])
def test_a_page_is_explained(kind: str, case: tuple[Situation, int, str], behind: Behind, queue: Queue) -> None:
    situation, code, words = case
    situation(behind(kind, LONGEST_RENDER_SECONDS=10), queue)
    found, told = reason()
    assert words in told
    assert found == code


@pytest.mark.parametrize("targets", [{"tags": ["page:1"]}, {"prefixes": ["/page"]}, {"everything": True}])
def test_the_purge_that_concerned_it_is_found_whatever_named_it(
    targets: dict[str, Any], behind: Behind, queue: Queue
) -> None:
    cached = behind("varnish")
    cached.get()
    drained(queue, **targets)
    drained(queue, tags=["another"])
    _, [document] = explained("/page/")
    concerned = Batch.objects.earliest("id")
    assert document["last_purge"]["batch"] == concerned.pk
    assert document["last_purge"]["event"] == str(concerned.events.get().uid)
    assert document["tags"] == ["page", "page:1"]


def test_an_event_that_nobody_has_claimed_is_told(behind: Behind, queue: Queue) -> None:
    behind("varnish").get()
    event = invalidation.invalidate(urls=["/page/"])
    assert event
    _, [document] = explained("/page/")
    assert (document["pending"], document["last_purge"]) == (str(event.uid), None)


def test_a_node_that_is_away_can_not_be_asked(behind: Behind, settings: Any) -> None:
    behind("varnish")
    settings.INVALIDATION["TIERS"]["varnish"]["NODES"] = ["http://127.0.0.1:1"]
    settings.INVALIDATION = {**settings.INVALIDATION}
    code, told = reason()
    assert (code, told.startswith("could not be asked: http://127.0.0.1:1")) == (0, True)


def test_a_row_that_nobody_can_read_is_no_purge_of_the_page(behind: Behind) -> None:
    behind("varnish").get()
    Batch.objects.create(targets={"urls": ["http://["]}, event_count=1)
    assert reason()[1] == "a copy; no purge concerned it lately"


@pytest.mark.parametrize("url", ["http://elsewhere.test/page/", "http://[", "page"])
def test_an_address_of_no_site_is_refused_and_nothing_is_asked(url: str, behind: Behind) -> None:
    behind("varnish")
    assert explained(url) == (2, [])


def test_people_see_a_table(behind: Behind, capsys: pytest.CaptureFixture[str]) -> None:
    behind("varnish").get()
    call_command("why", "/page/")
    shown = capsys.readouterr().out
    assert "page page:1" in shown
    assert "none that is known" in shown
