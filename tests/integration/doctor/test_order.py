"""Who fills from whom, as declared and as it is: a real Nginx over a real Varnish."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.local import Nginx, Varnish, free_port
from invalidation import doctor
from tests.fixtures.servers import SECRET
from tests.integration.doctor import broken
from tests.integration.doctor.conftest import Clinic, codes

Chain = tuple[Nginx, Varnish]


@contextmanager
def running(clinic: Clinic, kind: type[Varnish] = Varnish) -> Iterator[Chain]:
    """Visitors reach Nginx, which fills from Varnish, which fills from the application."""
    folder, port = clinic.state_folder, free_port()
    inner = kind(folder, [clinic.application.address], SECRET, name=f"inner-{port}", public_port=port)
    outer = Nginx(folder, [f"127.0.0.1:{inner.port}"], SECRET, name=f"outer-{port}", port=port)
    with inner, outer:
        yield outer, inner


@pytest.fixture
def chain(clinic: Clinic) -> Iterator[Chain]:
    with running(clinic) as servers:
        yield servers


def examine(clinic: Clinic, chain: Chain, *, nginx: list[str], varnish: list[str]) -> doctor.Report:
    """With what each of them is declared to fill from."""
    outer, inner = chain
    declared = {"nginx": clinic.tier(outer, *nginx), "varnish": clinic.tier(inner, *varnish)}
    return clinic.examine(outer.port, **declared)


def test_the_right_order_is_sound(clinic: Clinic, chain: Chain) -> None:
    assert codes(examine(clinic, chain, nginx=["varnish"], varnish=[])) == []


def test_the_wrong_order_is_named(clinic: Clinic, chain: Chain) -> None:
    report = examine(clinic, chain, nginx=[], varnish=["nginx"])
    assert codes(report) == ["wrong-order", "wrong-order"]
    assert {finding.detail for finding in report.findings} == {
        "varnish is declared to fill from nginx, where a page asked of varnish never arrived.",
        "nginx fills from varnish, but FILLS_FROM does not say so.",
    }


def test_an_order_that_is_not_declared_is_named(clinic: Clinic, chain: Chain) -> None:
    assert codes(examine(clinic, chain, nginx=[], varnish=[])) == ["wrong-order"]


def test_two_caches_beside_each_other_fill_from_neither(clinic: Clinic) -> None:
    with clinic.start(Nginx) as nginx, clinic.start(Varnish, public_port=f":{nginx.port}") as varnish:
        tiers = {"varnish": clinic.tier(varnish), "nginx": clinic.tier(nginx, "varnish")}
        assert codes(clinic.examine(nginx.port, **tiers)) == ["wrong-order"]
        tiers["nginx"] = clinic.tier(nginx)
        assert codes(clinic.examine(nginx.port, **tiers)) == []


def test_a_fault_of_the_inner_tier_is_not_blamed_on_the_outer_one(clinic: Clinic) -> None:
    with running(clinic, broken.KeyWithoutScheme) as chain:
        report = examine(clinic, chain, nginx=["varnish"], varnish=[])
    assert [(finding.fault.code, finding.tier) for finding in report.findings] == [("wrong-key", "varnish")]


def test_a_purge_that_ends_in_the_tier_behind_is_named(clinic: Clinic, chain: Chain) -> None:
    _, inner = chain
    behind, options = [f"127.0.0.1:{inner.port}"], {"purge_location": ""}
    with Nginx(clinic.state_folder, behind, SECRET, name="deaf", options=dict(options)) as outer:
        tiers = {"varnish": clinic.tier(inner), "nginx": clinic.tier(outer, "varnish")}
        report = clinic.examine(inner.public_port, **tiers)
    assert ("purge-forwarded", "nginx") in [(finding.fault.code, finding.tier) for finding in report.findings]
