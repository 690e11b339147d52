"""A page whose rendering a test holds between reading its version and answering; stands for a slow view."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import path

from invalidation.caching import tagged
from invalidation.http import add_cache_tags

PATIENCE_SECONDS = 20
VALUE_KEY = "version"
PUBLIC = "public, max-age=0, s-maxage=600"


@dataclass
class State:
    """The "database", and where the renders stand."""

    version: int = 1
    tags: tuple[str, ...] = ("page", "page:1")
    headers: dict[str, str] = field(default_factory=lambda: {"Cache-Control": PUBLIC})
    status: int = 200
    held: bool = False
    reading: threading.Event = field(default_factory=threading.Event)
    proceed: threading.Event = field(default_factory=threading.Event)

    def hold(self) -> None:
        """The next render stops after it has read the version."""
        self.held = True
        self.reading.clear()
        self.proceed.clear()

    def release(self) -> None:
        """Let it go on."""
        self.held = False
        self.proceed.set()

    def read(self) -> int:
        """What a view does first."""
        version = self.version
        if self.held:
            self.reading.set()
            assert self.proceed.wait(PATIENCE_SECONDS), "the render was never released"
        return version


state = State()
Response = TypeVar("Response", bound=HttpResponseBase)


def _answered(response: Response) -> Response:
    response.status_code = state.status
    for name, value in state.headers.items():
        response.headers[name] = value
    return response


def page(request: HttpRequest, name: str = "") -> HttpResponse:
    add_cache_tags(request, *state.tags)
    return _answered(HttpResponse(f"version {state.read()}"))


def page_of_value(request: HttpRequest) -> HttpResponse:
    """Reads the version from the tagged cache."""
    add_cache_tags(request, *state.tags)
    version = tagged.get_or_set(VALUE_KEY, lambda: state.version, tags=state.tags)
    state.read()
    return _answered(HttpResponse(f"version {version}"))


async def page_async(request: HttpRequest) -> HttpResponse:
    add_cache_tags(request, *state.tags)
    return _answered(HttpResponse(f"version {state.read()}"))


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def content() -> Iterator[str]:
        yield f"version {state.read()}"

    add_cache_tags(request, *state.tags)
    return _answered(StreamingHttpResponse(content()))


async def stream_async(request: HttpRequest) -> StreamingHttpResponse:
    async def content() -> AsyncIterator[str]:
        yield f"version {state.read()}"

    add_cache_tags(request, *state.tags)
    return _answered(StreamingHttpResponse(content()))


def health(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


#: None reads the database, and threads could not share the test's transaction.
VIEWS: dict[str, Any] = {
    "health/": health,
    "value/": page_of_value,
    "async/": page_async,
    "stream/": stream,
    "stream-async/": stream_async,
    "": page,
    "<path:name>": page,
}
urlpatterns = [path(route, non_atomic_requests(view)) for route, view in VIEWS.items()]
