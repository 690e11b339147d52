"""`manage.py why`: its documents, its table and its exit status; `why/test_why_says.py` has the reasons."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

import invalidation
from invalidation.models import Batch
from invalidation.pipeline.delivery import deliver
from invalidation.pipeline.intake import drain
from tests.integration.freshness.conftest import Behind
from tests.unit.pipeline.chain import Queue

pytestmark = pytest.mark.django_db


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
