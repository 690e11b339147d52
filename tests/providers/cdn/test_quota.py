"""A flood within a plan's limits: the vendor never says "too many", and no call is wasted."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from deploy.local import Redis
from tests.providers.cdn import flood, floods
from tests.providers.cdn.floods import Measured
from tests.providers.cdn.pipeline import declare

pytestmark = pytest.mark.takes(11)

#: More than an idle account has saved up: 1,500 URLs and 25 calls for tags; 150 paths; Fastly saves 50,000.
SMALL = {"cloudflare": (1_800, 2_600), "cloudfront": (300, 150), "fastly": (300, 300)}


def shows_the_promise(measured: Measured) -> bool:
    """Everything once, in as few calls as possible, none of them refused, at the price that was told."""
    exact = measured.calls == measured.fewest_calls and measured.purged_once and not measured.refusals
    return measured.status == "purged" and exact and measured.price_usd == measured.billed_usd


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("vendor", floods.VENDORS)
def test_a_flood_stays_within_the_plan_and_needs_the_fewest_calls(
    settings: Settings, redis_server: Redis, vendor: str
) -> None:
    product = flood.at_plan_limits(vendor, job_seconds=0.1)
    declare(settings, product, **flood.settings(redis_server.url()))
    with product.vendor:
        measured = flood.measure(product, *SMALL[vendor])
    assert shows_the_promise(measured), measured


@pytest.mark.chaos
@pytest.mark.timeout(420)
def test_30_000_urls_3_000_tags_and_a_folder_stay_within_every_plan(tmp_path: Path) -> None:
    measured = floods.run(tmp_path)
    print(floods.table(measured))  # noqa: T201 (shown with -s)
    assert [one.vendor for one in measured if shows_the_promise(one)] == list(floods.VENDORS), measured
