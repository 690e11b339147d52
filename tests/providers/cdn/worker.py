"""A worker of its own: `python -m tests.providers.cdn.worker ENDPOINT` purges through CloudFront, or takes over."""

from __future__ import annotations

import sys

import django

django.setup()

from django.test import override_settings  # noqa: E402 (Django must be set up first)

import invalidation  # noqa: E402
from invalidation.models import Delivery  # noqa: E402
from invalidation.pipeline.intake import drain  # noqa: E402
from tests.providers.cdn.pipeline import SITE, hours_later, run_to_its_end  # noqa: E402
from tests.stand_ins.cloudfront import ACCESS_KEY_ID, DISTRIBUTION_ID, SECRET_ACCESS_KEY  # noqa: E402


def declared(endpoint: str) -> dict[str, object]:
    """INVALIDATION with CloudFront as the only tier."""
    options = {
        "DISTRIBUTION_ID": DISTRIBUTION_ID,
        "ACCESS_KEY_ID": ACCESS_KEY_ID,
        "SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "ENDPOINT_URL": endpoint,
        "TAGS": True,
        "TIMEOUT_SECONDS": 60.0,
    }
    tier = {"PROVIDER": "invalidation.providers.cloudfront.CloudFront", "OPTIONS": options}
    return {"TIERS": {"cloudfront": tier}, "SITES": [SITE], "BACKLOG": {"LINGER_MILLISECONDS": 0}}


def main() -> None:
    """Print the delivery's end, and how many workers have held it."""
    with override_settings(INVALIDATION=declared(sys.argv[1])):
        if not Delivery.objects.exists():
            invalidation.invalidate(tags=["blog.post"], urls=[f"{SITE}/a/"])
            drain.drain()
        else:
            hours_later()
        delivery = Delivery.objects.get()
        run_to_its_end(delivery)
        print(delivery.status, delivery.leases)  # noqa: T201 (read by the test)


if __name__ == "__main__":
    main()
