"""The reference site whose Varnish nodes are waited for so long that no call to a dripping one ends during a test."""

from __future__ import annotations

from project.settings.test import *  # noqa: F403
from project.settings.test import INVALIDATION

CALL_SECONDS = 600.0

tiers = dict(INVALIDATION["TIERS"])
tiers["varnish"] = {
    **tiers["varnish"],
    "OPTIONS": {**tiers["varnish"]["OPTIONS"], "TIMEOUT_SECONDS": CALL_SECONDS},
}
INVALIDATION = {**INVALIDATION, "TIERS": tiers, "RETRY": {"LEASE_SECONDS": 2 * CALL_SECONDS}}
