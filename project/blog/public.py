"""The policy of a public page: any shared cache may keep it for a day, because a change purges it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import HttpResponseBase
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

View = Callable[..., HttpResponseBase]

#: Browsers can't be purged, so they ask again every time.
BROWSER_SECONDS = 0
SHARED_SECONDS = 86_400


def public_page(view: View) -> View:
    """Answer GET and HEAD alone, cacheable by shared caches.

    A page only reads, apart from the one statement that counts its view: without a transaction of its own it never
    holds SQLite's write lock while it renders.
    """
    cacheable: Any = cache_control(public=True, max_age=BROWSER_SECONDS, s_maxage=SHARED_SECONDS)
    page: View = transaction.non_atomic_requests(require_safe(cacheable(view)))
    return page
