"""One flood through one CDN at the limits of its plan, measured from the first event to the last proof."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Any

from django.utils import timezone

from invalidation.freshness import index
from invalidation.freshness.clients import patient_client
from invalidation.models import Delivery
from invalidation.pipeline.delivery import deliver
from invalidation.pipeline.planning.plan import Step
from invalidation.providers.base import Provider
from invalidation.rows.states import FINAL
from invalidation.status.previews import preview
from invalidation.targets.values import CachePlace, Targets
from tests.providers.cdn.floods import Measured
from tests.providers.cdn.pipeline import SITE, purge
from tests.providers.cdn.products import PRODUCTS, Product
from tests.stand_ins import cloudflare, cloudfront

FOLDER = f"{SITE}/blog/"
#: Known pages below the folder: a vendor without prefixes purges these.
BELOW = tuple(f"{FOLDER}{number}/" for number in range(3))
#: URLs and tags of one call as the vendors have them, and the calls that one folder takes.
CALL_LIMITS = {"cloudflare": (30, 100, 1), "cloudfront": (60, 60, 1), "fastly": (1, 256, len(BELOW))}
#: What an accepted path, wildcard or tag is billed.
PRICES_USD = {"cloudfront": 0.005}
#: AWS speaks of 25; the last proof comes that much later.
JOB_SECONDS = 2.0


def at_plan_limits(vendor: str, *, job_seconds: float = JOB_SECONDS) -> Product:
    """A product whose stand-in has the limits of a plan that is paid for."""
    product = PRODUCTS[vendor]()
    if vendor == "cloudflare":
        product.vendor = cloudflare.Cloudflare(plan="pro")
        product.options |= {"PLAN": "pro", "API_URL": product.vendor.url}
    if vendor == "cloudfront":
        product.vendor = cloudfront.CloudFront(quota="rate", seconds=job_seconds)
        product.options |= {"ENDPOINT_URL": product.vendor.url}
    product.options["ACCOUNT"] = f"flood-{time.monotonic_ns()}"
    return product


def settings(redis_url: str) -> dict[str, Any]:
    """As a site has them that would rather pay and wait than purge more than it must."""
    return {
        "REDIS_URL": redis_url,
        "PLAN_CALLS_LIMIT": 0,
        "PLAN_CHEAPER_CALLS": 0,
        "PLAN_PRICE_LIMIT_USD": 0,
        "MAX_ATTEMPTS": 8,
        "BACKOFF_BASE_SECONDS": 0.5,
    }


def fewest_calls(vendor: str, urls: int, tags: int) -> int:
    """The lower bound."""
    per_call, tags_per_call, folder_calls = CALL_LIMITS[vendor]
    return ceil(urls / per_call) + ceil(tags / tags_per_call) + folder_calls


def measure(product: Product, urls: int, tags: int) -> Measured:
    """Purge so many URLs, so many tags and a folder, as one event."""
    _fill_index(product.name)
    wanted: dict[str, Any] = {
        "urls": [f"{SITE}/{number}/" for number in range(urls)],
        "tags": [f"blog.post:{number}" for number in range(tags)],
        "prefixes": [FOLDER],
    }
    planned = preview(Targets.of(**wanted))[0]
    started_at = time.monotonic()
    delivery = work(purge(**wanted))
    seconds = time.monotonic() - started_at
    accepted = [item for call in product.vendor.log for item in call["items"]]
    folders = len(BELOW) if product.name == "fastly" else 1
    return Measured(
        vendor=product.name,
        status=delivery.status,
        calls=len(product.vendor.log),
        fewest_calls=fewest_calls(product.name, urls, tags),
        refusals=len(product.vendor.refusals),
        purged_once=len(accepted) == len(set(accepted)) == urls + tags + folders,
        price_usd=round(planned.price_usd, 6),
        billed_usd=round(PRICES_USD.get(product.name, 0.0) * len(accepted), 6),
        seconds=seconds,
        quota_seconds=quota_seconds(product.provider(), planned.steps),
    )


def work(delivery: Delivery) -> Delivery:
    """What a worker does: a turn whenever the delivery is due, until it is final."""
    while delivery.status not in FINAL:
        deliver.deliver("default", delivery.pk)
        delivery.refresh_from_db(fields=["status", "available_at"])
        time.sleep(max(0.0, (delivery.available_at - timezone.now()).total_seconds()))
    return delivery


def quota_seconds(provider: Provider, steps: Sequence[Step]) -> float:
    """How long the dearest of the account's buckets takes for these calls, full at first."""
    totals = ((rate, sum(rate.cost(step.verb, len(step.items)) for step in steps)) for rate in provider.rates())
    return max(_emptying_seconds(totals), default=0.0)


def _emptying_seconds(totals: Iterable[tuple[Any, float]]) -> list[float]:
    return [max(0.0, cost - rate.burst) / rate.tokens_per_second for rate, cost in totals]


def _fill_index(tier: str) -> None:
    """The pages below the folder, in an index that is older than what the tier holds."""
    server = patient_client()
    assert server is not None
    pipeline = server.pipeline(transaction=False)
    for url in BELOW:
        index.register(pipeline, url, (), 3600)
    pipeline.execute()
    index.note_emptied(server, str(CachePlace(tier)), index.name(server))
