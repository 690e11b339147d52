"""A CDN that can be asked for pages: a program that plays Cloudflare, with an edge that holds copies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local import Redis, Varnish, free_port
from invalidation import doctor
from invalidation.proxies.templates import TAG_HEADERS
from tests.fixtures.servers import SECRET
from tests.integration.doctor.conftest import Application, Clinic, codes
from tests.stand_ins.cloudflare import API_TOKEN, ZONE_ID, Cloudflare

SENDS_CACHE_TAG = {"CLOUDFLARE_ZONE_ID": ZONE_ID, "CLOUDFLARE_API_TOKEN": API_TOKEN}


@pytest.fixture(scope="module")
def tagging(state_folder: Path, redis_server: Redis) -> Iterator[Application]:
    with Application(state_folder, redis_server, SENDS_CACHE_TAG) as service:
        yield service


def examine(clinic: Clinic, application: Application, hidden: list[str], **options: Any) -> doctor.Report:
    """Visitors reach the edge, which fills from Varnish, which fills from the application."""
    port = free_port()
    with (
        Varnish(
            clinic.state_folder,
            [application.address],
            SECRET,
            name=f"inner-{port}",
            public_port=port,
            options={"hidden_headers": hidden},
        ) as varnish,
        Cloudflare(plan="pro", origin=varnish.url, edge_port=port) as vendor,
    ):
        assert vendor.edge
        declared = {"ZONE_ID": ZONE_ID, "API_TOKEN": API_TOKEN, "PLAN": "pro", "API_URL": vendor.url}
        cloudflare = {
            "PROVIDER": "invalidation.providers.cloudflare.Cloudflare",
            "FILLS_FROM": ["varnish"],
            "OPTIONS": {**declared, **options} | ({"EDGE": vendor.edge.url} if not options else {}),
        }
        return clinic.examine(port, varnish=clinic.tier(varnish), cloudflare=cloudflare)


def test_an_edge_that_is_asked_for_pages_is_sound(clinic: Clinic, tagging: Application) -> None:
    report = examine(clinic, tagging, [name for name in TAG_HEADERS if name != "Cache-Tag"])
    assert codes(report) == []
    assert "cloudflare " in report.examined
    assert not report.notes


def test_a_proxy_that_keeps_the_tags_from_the_edge_is_named(clinic: Clinic, tagging: Application) -> None:
    report = examine(clinic, tagging, list(TAG_HEADERS))
    assert [(finding.fault.code, finding.tier) for finding in report.findings] == [("tags-unread", "cloudflare")]


def test_an_edge_that_nobody_can_ask_is_named_as_not_looked_at(clinic: Clinic, tagging: Application) -> None:
    report = examine(clinic, tagging, list(TAG_HEADERS), EDGE="")
    assert codes(report) == []
    assert [note.split()[:5] for note in report.notes] == [["cloudflare", "was", "not", "looked", "at:"]]
