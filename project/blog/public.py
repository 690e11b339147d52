"""Public pages: they only read, and tell a visitor who has them already that nothing changed."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.http import HttpResponseBase
from django.views.decorators.http import require_safe

from invalidation.http import conditional

View = Callable[..., HttpResponseBase]


def public_page(view: View) -> View:
    """Answer GET and HEAD alone, with validators; the settings' policy gives the lifetime.

    A page only reads, apart from the one statement that counts its view: without a transaction of its own it never
    holds SQLite's write lock while it renders.
    """
    page: View = transaction.non_atomic_requests(require_safe(conditional()(view)))
    return page
