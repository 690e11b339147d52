"""Slow renders, and tagging without the in-flight guard."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from invalidation.freshness import index, sequence
from invalidation.freshness.clients import client
from invalidation.http.address import exact_url
from invalidation.http.cacheable import shared_seconds, storable
from invalidation.http.headers import set_tag_headers
from invalidation.http.tags import tags_of
from invalidation.providers.http import SEQUENCE_HEADER

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class SlowRender:
    """Holds a rendered page back, as a slow template would: most for a moment, some for long."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.path != "/health/":
            time.sleep(random.uniform(0.05, 0.5) if random.random() < 0.2 else random.uniform(0, 0.02))
        return response


class NaiveTags:
    """Sets the same headers and fills the same index, without looking at the stamps."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        server = client()
        assert server is not None
        since = sequence.current(server)
        response = self.get_response(request)
        if storable(request, response):
            set_tag_headers(response, tags_of(request))
            response.headers[SEQUENCE_HEADER] = str(since)
            pipeline = server.pipeline(transaction=False)
            index.register(pipeline, exact_url(request), tags_of(request), shared_seconds(response))
            pipeline.execute()
        return response
