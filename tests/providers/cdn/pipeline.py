"""Runs purges through the whole pipeline against one CDN, without waiting for clocks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import F
from pytest_django import Settings

import invalidation
from invalidation.models import Delivery
from invalidation.pipeline.delivery import deliver
from invalidation.pipeline.intake import drain
from invalidation.rows.states import FINAL
from tests.fixtures.grouped import grouped
from tests.providers.cdn.products import Product

SITE = "https://example.com"
MAX_TURNS = 40


def declare(settings: Settings, product: Product, **values: Any) -> None:
    """Put `declared` into force."""
    settings.INVALIDATION = declared(product, **values)


def declared(product: Product, **values: Any) -> dict[str, Any]:
    """INVALIDATION with this CDN as the only tier."""
    return grouped(
        {
            "TIERS": {
                product.name: {
                    "PROVIDER": f"{product.provider_class.__module__}.{product.provider_class.__qualname__}",
                    "NODES": [product.node] if product.node else [],
                    "OPTIONS": {**product.options, **product.extra},
                }
            },
            "SITES": [SITE],
            "LINGER_MILLISECONDS": 0,
            "TRANSFER_SECONDS": 0,  # nothing is purged again for what is on its way
            "MAX_ATTEMPTS": 4,
            "BACKOFF_BASE_SECONDS": 1000,
            **values,
        }
    )


def purge(**targets: Any) -> Delivery:
    """Record, claim and plan nothing yet: the delivery as a worker would find it."""
    invalidation.invalidate(**targets)
    batch = drain.drain().batches[-1]
    return Delivery.objects.get(batch=batch)


def hours_later() -> None:
    """Every wait is over and every lease has run out."""
    hours = timedelta(hours=2)
    Delivery.objects.update(available_at=F("available_at") - hours, started_at=F("started_at") - hours)


def run_to_its_end(delivery: Delivery) -> list[str]:
    """Attempt and poll until the delivery is final; the statuses on the way, repeated ones once for polls."""
    path: list[str] = []
    for _ in range(MAX_TURNS):
        deliver.deliver("default", delivery.pk)
        delivery.refresh_from_db()
        if not (delivery.status == "accepted" and path and path[-1] == "accepted"):
            path.append(str(delivery.status))
        if delivery.status in FINAL:
            return path
        hours_later()
    raise AssertionError(f"not final after {MAX_TURNS} turns: {path}")
