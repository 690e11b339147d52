"""A site that is content alone: what each page shows, and with which tags, is what a test has last said."""

from __future__ import annotations

from collections import Counter

from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse
from django.urls import path

from invalidation.http import add_cache_tags
from tests.integration.freshness.pages import PUBLIC

#: How often each tag and each path was edited.
edits: Counter[str] = Counter()
#: Tags of each path.
tags: dict[str, frozenset[str]] = {}


def shown(address: str) -> str:
    """What the page says now."""
    return ", ".join(f"{name} {edits[name]}" for name in (address, *sorted(tags[address])))


@non_atomic_requests
def page(request: HttpRequest, address: str) -> HttpResponse:
    add_cache_tags(request, *tags[request.path])
    return HttpResponse(shown(request.path), headers={"Cache-Control": PUBLIC})


urlpatterns = [path("<path:address>", page)]
