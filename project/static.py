"""Serves static files with the lifetimes of the cache policy."""

from __future__ import annotations

from whitenoise.middleware import WhiteNoiseMiddleware

from project.settings import policy


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]  # it is untyped
    """WhiteNoise, whose own lifetime for hashed names is ten years and no setting."""

    FOREVER = policy.HASHED_SECONDS
