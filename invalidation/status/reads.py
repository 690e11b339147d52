"""Which query gave a page which tag: the page is rendered in this process, and each statement told apart."""

from __future__ import annotations

from typing import TypedDict
from urllib.parse import urlsplit

from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory

from invalidation.http import automatic
from invalidation.http.tags import by_hand, readings_of, untagged_in
from invalidation.tracking import outcome


class ReadDocument(TypedDict):
    """One statement, or one cached value."""

    what: str
    """As it was sent, without values."""

    tags: list[str]


class ReadsDocument(TypedDict):
    """What one page read while it was rendered for nobody in particular."""

    url: str
    status_code: int
    by_hand: list[str]
    """Tags that its code named."""

    reads: list[ReadDocument]
    untagged: list[str]
    """What no tag stands for, which limits the lifetime of the page."""


def explain(url: str) -> ReadsDocument:
    """Render the page of an absolute URL, whether or not automatic tags are on."""
    parts = urlsplit(url)
    asked = f"{parts.path}?{parts.query}" if parts.query else parts.path
    request = RequestFactory().get(asked, secure=parts.scheme == "https", headers={"host": parts.netloc})
    automatic.ask_to_explain(request)
    response = WSGIHandler().get_response(request)
    readings = readings_of(request)
    return {
        "url": url,
        "status_code": response.status_code,
        "by_hand": sorted(by_hand(request)),
        "reads": [
            {"what": origin.what, "tags": sorted(outcome.explained(origin))}
            for origin in (readings.origins if readings else ())
        ],
        "untagged": sorted(untagged_in(request)),
    }
