"""The CDNs under test: each provider with the stand-in that plays its vendor, and the options that join them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deploy.local.processes import wait_for
from invalidation.providers.answers.reply import Reply
from invalidation.providers.base import Provider
from invalidation.providers.bunny import Bunny
from invalidation.providers.cloudflare.purging import Cloudflare
from invalidation.providers.cloudfront.purging import CloudFront
from invalidation.providers.fastly import Fastly
from invalidation.providers.generic import GenericHTTP
from tests.stand_ins import bunny, cloudflare, cloudfront, fastly
from tests.stand_ins.vendor import Vendor


@dataclass
class Product:
    """One provider and its vendor."""

    name: str
    provider_class: type[Provider]
    vendor: Vendor
    options: dict[str, Any]
    secret_option: str
    node: str = ""
    soft: bool = False
    """Has it a soft purge?"""

    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def secret(self) -> str:
        return str(self.options[self.secret_option])

    def provider(self, **options: Any) -> Provider:
        """A provider that has found out what it may."""
        made = self.provider_class(self.name, self.node, {**self.options, **self.extra, **options})
        made.learn()
        return made

    def purge(self, verb: str, *items: Any, provider: Provider | None = None) -> Reply:
        """Purge and follow the job to its end."""
        chosen = provider or self.provider()
        named = {"reference": f"test-{time.monotonic_ns()}"} if chosen.needs_reference else {}
        reply: Reply = getattr(chosen, verb)(*items, **named)
        if not reply.accepted:
            return reply
        wait_for(lambda: not chosen.poll(reply.external_id).accepted, 5, "the job's end")
        return reply


def _cloudflare() -> Product:
    vendor = cloudflare.Cloudflare(plan="enterprise")
    options = {"ZONE_ID": cloudflare.ZONE_ID, "API_TOKEN": cloudflare.API_TOKEN, "PLAN": "enterprise"}
    return Product("cloudflare", Cloudflare, vendor, options | {"API_URL": vendor.url}, "API_TOKEN", soft=True)


def _cloudfront() -> Product:
    vendor = cloudfront.CloudFront(quota="concurrency")
    options = {
        "DISTRIBUTION_ID": cloudfront.DISTRIBUTION_ID,
        "ACCESS_KEY_ID": cloudfront.ACCESS_KEY_ID,
        "SECRET_ACCESS_KEY": cloudfront.SECRET_ACCESS_KEY,
        "ENDPOINT_URL": vendor.url,
    }
    return Product("cloudfront", CloudFront, vendor, options, "SECRET_ACCESS_KEY")


def _fastly() -> Product:
    vendor = fastly.Fastly()
    options = {"SERVICE_ID": fastly.SERVICE_ID, "API_TOKEN": fastly.API_TOKEN, "API_URL": vendor.url}
    return Product("fastly", Fastly, vendor, options, "API_TOKEN", soft=True)


def _bunny() -> Product:
    vendor = bunny.Bunny()
    options = {"PULL_ZONE_ID": str(bunny.PULL_ZONE_ID), "API_KEY": bunny.API_KEY, "API_URL": vendor.url}
    return Product("bunny", Bunny, vendor, options, "API_KEY")


def _generic() -> Product:
    """Fastly's interface, declared instead of programmed."""
    vendor = fastly.Fastly()
    service = f"/service/{fastly.SERVICE_ID}"
    options = {
        "URLS": {"TARGET": "/purge/{host}{target}"},
        "TAGS": {"TARGET": f"{service}/purge", "BODY": {"surrogate_keys": ["{value}"]}},
        "EVERYTHING": {"TARGET": f"{service}/purge_all"},
        "PROOF": '"',
        "SECRET": fastly.API_TOKEN,
        "SECRET_HEADER": "Fastly-Key",
    }
    return Product("generic", GenericHTTP, vendor, options, "SECRET", node=vendor.url)


PRODUCTS: dict[str, Callable[[], Product]] = {
    "cloudflare": _cloudflare,
    "cloudfront": _cloudfront,
    "fastly": _fastly,
    "bunny": _bunny,
    "generic": _generic,
}
