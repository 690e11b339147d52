"""Cloudflare: the provider, its API and its cache rules."""

from __future__ import annotations

from invalidation.providers.cloudflare.purging import Cloudflare

__all__ = ["Cloudflare"]
