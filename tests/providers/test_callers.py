"""Row 1: whoever asks nodes for pages, not only purges, is given back within the deadline of each call."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings

from invalidation import doctor
from invalidation.deployment import warm
from invalidation.doctor import Fault, probes
from invalidation.models import Batch
from invalidation.pipeline.aftercare import verify
from tests.fixtures.servers import SECRET
from tests.providers.test_deadlines import TIMEOUT_SECONDS, TOLERANCE_SECONDS
from tests.stand_ins.hostile import (
    Behaviour,
    Hostile,
    drips_a_body,
    drips_chunks,
    drips_continues,
    drips_headers,
    hangs_in_the_handshake,
    never_answers,
)

pytestmark = pytest.mark.takes(10)

SITE = "http://site.test"
URL = f"{SITE}/a/"
#: The doctor asks a node which others are behind it, and then for a page.
CALLS_OF_THE_DOCTOR = 2
BEHAVIOURS = (drips_a_body, drips_headers, drips_chunks, drips_continues, never_answers, hangs_in_the_handshake)


@pytest.fixture(params=BEHAVIOURS, ids=lambda behave: behave.__name__)
def node(request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The one node of the one tier, which behaves so."""
    monkeypatch.setattr(probes, "_probes", {})  # the broker's, which is no node
    behave: Behaviour = request.param
    with Hostile(behave) as server:
        url = f"https://{server.address}" if behave is hangs_in_the_handshake else server.url
        options = {"SECRET": SECRET, "TIMEOUT_SECONDS": TIMEOUT_SECONDS}
        varnish = {"PROVIDER": "invalidation.providers.varnish.Varnish", "NODES": [url], "OPTIONS": options}
        settings.INVALIDATION = {"TIERS": {"varnish": varnish}, "SITES": [SITE], "REDIS_URL": ""}
        yield url


def seconds(work: Callable[[], object]) -> float:
    started_at = time.monotonic()
    work()
    return time.monotonic() - started_at


@pytest.mark.django_db
def test_verification_gives_a_node_up_at_the_deadline_and_asks_it_for_nothing_else(node: str) -> None:
    batch = Batch.objects.create(targets={"urls": ["/a/", "/b/"]})
    assert seconds(lambda: verify.check("default", batch, [URL, f"{SITE}/b/"])) < TIMEOUT_SECONDS + TOLERANCE_SECONDS
    [row] = batch.verifications.all()
    assert (row.node, row.stale, row.error[:22]) == (node, False, "could not be asked: ht")


def test_the_doctor_gives_a_node_up_at_the_deadline_and_names_it(node: str) -> None:
    assert seconds(doctor.examine) < CALLS_OF_THE_DOCTOR * TIMEOUT_SECONDS + TOLERANCE_SECONDS
    assert [(finding.fault, finding.node) for finding in doctor.examine().findings] == [(Fault.UNREACHABLE, node)]


def test_a_warm_up_gives_a_node_up_at_the_deadline_and_names_it(node: str) -> None:
    warmed = warm([URL])
    assert warmed.seconds < TIMEOUT_SECONDS + TOLERANCE_SECONDS
    assert [failure.node for failure in warmed.failures] == [node]
