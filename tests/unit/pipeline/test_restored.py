"""A backup of the database is restored under caches that know nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command

import invalidation
from invalidation.models import Batch, Delivery, Event, EventStatus
from invalidation.pipeline.intake import drain
from tests.unit.pipeline.chain import EDGE, SITE, Chain, Queue
from tests.unit.pipeline.conftest import Dirty

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Where it lies."""
    return tmp_path / "backup.json"


def back_up(backup: Path) -> None:
    """Every row of ours."""
    call_command("dumpdata", "invalidation", output=str(backup))


def restore(backup: Path) -> None:
    """As it was then, and nothing else."""
    for model in (Delivery, Event, Batch):
        model._default_manager.all().delete()
    call_command("loaddata", str(backup), verbosity=0)


def purged(queue: Queue) -> list[tuple[str, tuple[str, ...]]]:
    """What the outermost node was asked for, by whatever is pending."""
    Chain.nodes[EDGE].calls.clear()
    drain.drain()
    queue.run()
    return list(Chain.nodes[EDGE].calls)


def test_an_event_that_a_restored_backup_brings_back_is_purged_again(dirty: Dirty, queue: Queue, backup: Path) -> None:
    event = dirty("/a/")
    back_up(backup)
    once = purged(queue)
    restore(backup)
    event.refresh_from_db()
    assert event.status == EventStatus.PENDING
    assert purged(queue) == once != []
    event.refresh_from_db()
    assert event.status == EventStatus.DONE


def test_a_change_that_a_restored_backup_has_taken_back_stays_in_caches_until_everything_is_purged(
    dirty: Dirty, queue: Queue, backup: Path
) -> None:
    dirty("/b/")
    purged(queue)
    back_up(backup)
    dirty("/a/")
    purged(queue)
    restore(backup)
    Chain.nodes[EDGE].copies[f"{SITE}/a/"] = 2  # a page of the change, cached before the restoration
    assert purged(queue) == []
    assert Chain.nodes[EDGE].copies
    invalidation.invalidate(everything=True, reason="a backup was restored")
    purged(queue)
    assert not Chain.nodes[EDGE].copies
