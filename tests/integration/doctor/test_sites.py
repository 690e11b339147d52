"""Tiers that serve some of the sites alone."""

from __future__ import annotations

import uuid

from deploy.local import Nginx
from tests.integration.doctor.conftest import Clinic, codes


def test_a_tier_is_examined_on_the_sites_that_it_serves_alone(clinic: Clinic) -> None:
    hosts = [f"{uuid.uuid4().hex}.test" for _ in range(2)]
    with (
        clinic.start(Nginx, server_names=hosts[0], public_port="") as left,
        clinic.start(Nginx, server_names=hosts[1], public_port="") as right,
    ):
        sites = [f"http://{host}" for host in hosts]
        tiers = {"left": clinic.tier(left), "right": clinic.tier(right)}
        report = clinic.examine_sites(sites, **tiers)
        assert {(finding.fault.code, finding.tier) for finding in report.findings} == {
            ("host-mismatch", "left"),
            ("host-mismatch", "right"),
        }
        tiers["left"]["SITES"], tiers["right"]["SITES"] = sites[:1], sites[1:]
        assert codes(clinic.examine_sites(sites, **tiers)) == []
