"""Builds INVALIDATION["TIERS"]: a tier is declared where the environment names its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROVIDERS = "invalidation.providers"


def tiers(
    *, redis: bool, varnish: list[str], nginx: list[str], secret: str, cloudflare: Mapping[str, str] | None = None
) -> dict[str, dict[str, Any]]:
    """Tiers from the inside out; each fills from the nearest declared tier inside it.

    `cloudflare` are the options of its tier; without a zone it is not declared.
    """
    declared: dict[str, dict[str, Any]] = {}
    if redis:
        declared["cache"] = {"PROVIDER": f"{PROVIDERS}.redis.Redis", "OPTIONS": {"CACHES": ["default"]}}
    if varnish:
        declared["varnish"] = _proxy("varnish.Varnish", varnish, list(declared)[-1:], secret)
    if nginx:
        declared["nginx"] = _proxy("nginx.Nginx", nginx, list(declared)[-1:], secret, EVERYTHING=True)
    if cloudflare and cloudflare.get("ZONE_ID"):
        options = {name: value for name, value in cloudflare.items() if value}
        fills_from = list(declared)[-1:]
        provider = f"{PROVIDERS}.cloudflare.Cloudflare"
        declared["cloudflare"] = {"PROVIDER": provider, "FILLS_FROM": fills_from, "OPTIONS": options}
    return declared


def _proxy(provider: str, nodes: list[str], fills_from: list[str], secret: str, **options: Any) -> dict[str, Any]:
    return {
        "PROVIDER": f"{PROVIDERS}.{provider}",
        "FILLS_FROM": fills_from,
        "NODES": nodes,
        "OPTIONS": {"SECRET": secret, **options},
    }
