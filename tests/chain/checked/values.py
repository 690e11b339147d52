"""Says in every page from which values it was built: which posts' versions were read from the cache, or put into it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django_redis.cache import RedisCache

MENTION = re.compile(r"(?:title|body)-(\d+)-v(\d+)")
KEY_CHARACTERS = 48
HEADER = "X-Built"
LONGEST = 3_000

_used: ContextVar[list[str] | None] = ContextVar("used", default=None)


def note(what: str, key: str, value: object) -> None:
    """Remember the versions of posts in a value, where a page is being built; most keys hold none."""
    used = _used.get()
    if used is not None and (shown := sorted(set(MENTION.findall(repr(value))))):
        versions = " ".join(f"{post}v{version}" for post, version in shown)
        used.append(f"{what} {key[:KEY_CHARACTERS]}: {versions}")


class NotedCache(RedisCache):  # type: ignore[misc]  # django-redis has no types
    """The site's own cache, whose reads and writes are noted."""

    def get(self, key: str, *arguments: Any, **options: Any) -> Any:
        """Read."""
        value = super().get(key, *arguments, **options)
        note("had", key, value)
        return value

    def get_many(self, keys: Iterable[str], *arguments: Any, **options: Any) -> Any:
        """Read."""
        found = super().get_many(keys, *arguments, **options)
        for key, value in found.items():
            note("had", key, value)
        return found

    def set(self, key: str, value: Any, *arguments: Any, **options: Any) -> Any:
        """Write."""
        note("made", key, value)
        return super().set(key, value, *arguments, **options)


@contextmanager
def noting() -> Iterator[list[str]]:
    """What is noted in the block."""
    used: list[str] = []
    token = _used.set(used)
    try:
        yield used
    finally:
        _used.reset(token)


class SaysValues:
    """Outermost but for the guard: what it says is stored with the page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        begun_at = time.time()
        with noting() as used:
            response = self.get_response(request)
        told = f"{begun_at:.3f} to {time.time():.3f}; " + "; ".join(dict.fromkeys(used))
        response.headers[HEADER] = told[:LONGEST]
        return response
