"""The reference site as the consistency checker runs it: slow renders; or, as NAIVE, without what keeps it fresh."""

from __future__ import annotations

from project.settings import environment
from project.settings.production import *  # noqa: F403
from project.settings.production import CACHES, INVALIDATION, MIDDLEWARE

#: Above the slowest render of `middleware.SlowRender`, its queueing included.
LONGEST_RENDER_SECONDS = 3.0

MIDDLEWARE = [*MIDDLEWARE, "tests.chain.checked.values.SaysValues", "tests.chain.checked.middleware.SlowRender"]
CACHES = {**CACHES, "default": {**CACHES["default"], "BACKEND": "tests.chain.checked.values.NotedCache"}}
tiers = dict(INVALIDATION["TIERS"])
tiers["cloudflare"] = {**tiers["cloudflare"], "PROVIDER": "tests.chain.checked.provider.CloudflareWithoutQuota"}
tiers["cache"] = {**tiers["cache"], "PROVIDER": "tests.chain.checked.provider.SlowValues"}
INVALIDATION = {
    **INVALIDATION,
    "TIERS": tiers,
    "LONGEST_RENDER_SECONDS": LONGEST_RENDER_SECONDS,
    "MONITOR": {**INVALIDATION["MONITOR"], "VERIFY_REQUESTS_PER_MINUTE": 600},
}

if environment.flag("NAIVE", default=False):
    guarded = MIDDLEWARE.index("invalidation.middleware.CacheTagMiddleware")
    MIDDLEWARE[guarded] = "tests.chain.checked.middleware.NaiveTags"
    tiers = {name: {**tier, "REBOUND_SECONDS": 0} for name, tier in tiers.items()}
    # From the outside in: what a list of purge calls in no particular order amounts to.
    for first, second in (("cache", "cloudflare"), ("cloudflare", "nginx"), ("nginx", "varnish")):
        tiers[second]["FILLS_FROM"] = [first]
    INVALIDATION = {
        **INVALIDATION,
        "TIERS": tiers,
        "MONITOR": {"VERIFY_URLS_PER_BATCH": 0},
        "FRESHNESS": {"TRANSFER_SECONDS": 0},
    }
