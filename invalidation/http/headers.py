"""Tag headers: each configured product reads its own name and separator, and keeps only so many bytes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from django.core.signals import setting_changed
from django.http import HttpResponseBase

from invalidation import conf
from invalidation.providers.registry import provider


@cache
def formats() -> dict[str, tuple[str, int]]:
    """Header name to separator and limit in bytes, for every configured tier that reads one."""
    products = [provider(tier.name, tier.nodes[0]) for tier in conf.settings().tiers.values()]
    return {
        product.tag_header: (product.tag_separator, product.max_tag_header_bytes)
        for product in products
        if product.tag_header
    }


def set_tag_headers(response: HttpResponseBase, tags: Iterable[str]) -> bool:
    """Write the tags for every product; False, and none written, where they don't fit one of them (F26).

    A product silently drops what is over its limit, and with it the page's way to be purged.
    """
    ordered = sorted(tags)
    headers = {name: (separator.join(ordered), limit) for name, (separator, limit) in formats().items()}
    if any(len(value) > limit for value, limit in headers.values()):
        return False
    for name, (value, _) in headers.items():
        if value:
            response.headers[name] = value
    return True


def _forget(*, setting: str, **_: object) -> None:
    if setting == "INVALIDATION":
        formats.cache_clear()


setting_changed.connect(_forget, dispatch_uid="invalidation.http.headers")
