"""The pipeline over real proxies: one node away, and more tags than one header carries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from pytest_django import Settings

from deploy.local import Nginx, Varnish
from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus, Event
from invalidation.pipeline.aftercare import sweep
from invalidation.pipeline.intake import drain
from invalidation.targets.values import Targets
from tests.fixtures.servers import SECRET
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import is_hit, visit, warm
from tests.unit.pipeline.chain import Queue

pytestmark = pytest.mark.django_db


def tier(product: str, *servers: Nginx | Varnish, fills_from: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "PROVIDER": f"invalidation.providers.{product.lower()}.{product}",
        "NODES": [server.url for server in servers],
        "FILLS_FROM": list(fills_from),
        "OPTIONS": {"SECRET": SECRET, "TIMEOUT_SECONDS": 1},
        "REBOUND_SECONDS": 0,
    }


@pytest.fixture
def queue() -> Iterator[Queue]:
    queue = Queue()
    queue.connect()
    yield queue
    queue.disconnect()


def purge(queue: Queue, **targets: Any) -> Batch:
    """One event, drained and delivered."""
    Event.objects.create(source="code", targets=Targets.of(**targets).document())
    batch = Batch.objects.get(pk=drain.drain().batches[-1])
    queue.run()
    batch.refresh_from_db()
    return batch


def standing(batch: Batch) -> list[tuple[str, str, str, str]]:
    """Each delivery as the status shows it, in the order of their making."""
    rows = batch.deliveries.order_by("id")
    return [(row.tier, row.node, row.delivery_pass, row.status) for row in rows]


Around = tuple[Varnish, Nginx, str]


@pytest.fixture
def around_freezing(state_folder: Path, origin: Origin, site: str) -> Iterator[Around]:
    """A Varnish to freeze, and the Nginx that fills from it."""
    with (
        Varnish(state_folder, [origin.address], SECRET, name="freezing") as freezing,
        Nginx(state_folder, [f"127.0.0.1:{freezing.port}"], SECRET, name="over_freezing") as outer,
    ):
        yield freezing, outer, site


def test_f25_a_frozen_node_holds_up_nobody_and_is_purged_with_what_is_outside_it_once_it_returns(
    around_freezing: Around, varnish_server: Varnish, origin: Origin, settings: Settings, queue: Queue
) -> None:
    freezing, outer, site = around_freezing
    settings.INVALIDATION = {
        "TIERS": {
            "varnish": tier("Varnish", varnish_server, freezing),
            "nginx": tier("Nginx", outer, fills_from=("varnish",)),
        },
        "SITES": [site],
        "FRESHNESS": {"TRANSFER_SECONDS": 0},
    }
    warm(varnish_server, f"{site}/a/")
    warm(outer, f"{site}/a/")
    origin.change("/a/")
    freezing.freeze()
    batch = purge(queue, urls=["/a/"])
    sound, frozen, edge = varnish_server.url, freezing.url, outer.url
    assert visit(varnish_server, f"{site}/a/").text == "version 2"
    assert standing(batch) == [
        ("varnish", sound, "purge", DeliveryStatus.PURGED),
        ("varnish", frozen, "purge", DeliveryStatus.FAILED),
        ("nginx", edge, "purge", DeliveryStatus.PURGED),
    ]
    assert batch.status == BatchStatus.RUNNING
    freezing.thaw()
    overdue = timedelta(minutes=10)
    Delivery.objects.update(created_at=F("created_at") - overdue, available_at=F("available_at") - overdue)
    sweep.sweep("default")
    queue.run()
    batch.refresh_from_db()
    assert standing(batch) == [
        ("varnish", sound, "purge", DeliveryStatus.PURGED),
        ("varnish", frozen, "purge", DeliveryStatus.PURGED),
        ("nginx", edge, "purge", DeliveryStatus.PURGED),
        ("nginx", edge, "repeat", DeliveryStatus.PURGED),
    ]
    assert batch.status == BatchStatus.DONE
    assert visit(outer, f"{site}/a/").text == "version 2"


def test_five_thousand_tags_in_one_event_are_all_purged_in_headers_that_varnish_takes(
    varnish_server: Varnish, origin: Origin, site: str, settings: Settings, queue: Queue
) -> None:
    tiers = {"varnish": tier("Varnish", varnish_server)}
    settings.INVALIDATION = {"TIERS": tiers, "SITES": [site], "FRESHNESS": {"TRANSFER_SECONDS": 0}}
    tags = [f"blog.post:{number}.{site[7:15]}" for number in range(5000)]
    pages = 50
    for page in range(pages):
        origin.pages[f"/{page}/"].headers["xkey"] = " ".join(tags[page::pages])
        warm(varnish_server, f"{site}/{page}/")
    origin.pages["/other/"].headers["xkey"] = "blog.post"
    warm(varnish_server, f"{site}/other/")
    batch = purge(queue, tags=tags)
    (delivery,) = batch.deliveries.all()
    assert (delivery.status, delivery.steps) == (DeliveryStatus.PURGED, [])
    # Varnish counts an object once per call until it is taken apart in the background.
    assert (delivery.removed or 0) >= pages
    assert not any(is_hit(visit(varnish_server, f"{site}/{page}/")) for page in range(pages))
    longest = max(map(len, tags)) + 1
    assert delivery.calls <= 1 + sum(map(len, tags)) // (7000 - 2 * longest) + len(tags) // 1000
    assert is_hit(visit(varnish_server, f"{site}/other/"))


def test_each_call_names_whole_tags_within_the_limit(settings: Settings, varnish_server: Varnish, site: str) -> None:
    settings.INVALIDATION = {"TIERS": {"varnish": tier("Varnish", varnish_server)}, "SITES": [site]}
    from invalidation.pipeline.planning.resolve import plan_targets

    tags = {f"blog.post:{number}" for number in range(5000)}
    steps = plan_targets(Targets.of(tags=tags), "varnish").steps
    assert {tag for step in steps for tag in step.items} == tags
    assert max(len(" ".join(step.items)) for step in steps) <= 7000
