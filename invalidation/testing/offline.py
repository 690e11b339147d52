"""No broker and no Redis: what a test needs of both is that nobody asks them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.test import override_settings


@contextmanager
def offline() -> Iterator[None]:
    """The app contacts neither inside; also a decorator of test functions. For a whole suite: the setting `OFFLINE`.

    The site's own use of its caches stays what it is.
    """
    declared: dict[str, Any] = getattr(settings, "INVALIDATION", {})
    if declared.get("OFFLINE"):
        yield
        return
    with override_settings(INVALIDATION={**declared, "OFFLINE": True}):
        yield
