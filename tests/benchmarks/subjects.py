"""What the race is run on: the tagged cache, cached querysets, fragments, and a textbook cache for comparison."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.db import connection
from django.template import Context, Template

from invalidation.caching import tagged
from invalidation.providers.redis import Redis as CacheTier
from project.blog.models import Post
from tests.benchmarks.schedule import Schedule, stale_reads

TIER = CacheTier("cache", "", {})
FRAGMENT = Template('{% load invalidation %}{% taggedcache 60 "race" tags="blog.post" %}{{ row }}{% endtaggedcache %}')
PAUSE: list[Schedule] = []


class PausingCache(LocMemCache):
    """Reaches a point of the schedule before and after each of its operations."""


def _pausing(name: str) -> Callable[..., Any]:
    plain = getattr(LocMemCache, name)

    def operation(self: PausingCache, *args: Any, **kwargs: Any) -> Any:
        _point()
        result = plain(self, *args, **kwargs)
        _point()
        return result

    return operation


for _name in ("get", "set", "add", "get_many", "delete_many"):
    setattr(PausingCache, _name, _pausing(_name))

CACHES = {"default": {"BACKEND": "tests.benchmarks.subjects.PausingCache", "LOCATION": "race"}}


def _point() -> None:
    for schedule in PAUSE:
        schedule.point()


def _row() -> int:
    """The truth, as a reader's query finds it."""
    _point()
    with connection.cursor() as cursor:
        cursor.execute("SELECT view_count FROM blog_post")
        number = int(cursor.fetchone()[0])
    _point()
    return number


def _write(number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE blog_post SET view_count = %s", [number])


def _steps(number: int) -> Iterator[Callable[[], object]]:
    yield lambda: _write(number)
    yield lambda: TIER.purge_tags(["blog.post"])


def _naive_steps(number: int) -> Iterator[Callable[[], object]]:
    yield lambda: _write(number)
    yield lambda: caches["default"].delete("naive")


def _naive() -> int:
    value = caches["default"].get("naive")
    if value is None:
        value = _row()
        caches["default"].set("naive", value, 60)
    return int(value)


def _queryset() -> int:
    with connection.execute_wrapper(_around_select):
        return int(Post.objects.cached_get().view_count)


def _around_select(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    if not sql.startswith("SELECT"):
        return execute(sql, params, many, context)
    _point()
    result = execute(sql, params, many, context)
    _point()
    return result


def _fragment() -> int:
    return int(FRAGMENT.render(Context({"row": _row})))


SUBJECTS: dict[str, tuple[Callable[[], object], Callable[[int], Iterator[Callable[[], object]]]]] = {
    "tagged": (lambda: tagged.get_or_set("race", _row, 60, tags="blog.post"), _steps),
    "CachedManager": (_queryset, _steps),
    "taggedcache": (_fragment, _steps),
    "textbook": (_naive, _naive_steps),
}


def run(name: str, rounds: int, seed: int = 1) -> int:
    """Stale reads of one subject. Needs one row in `blog_post`, and the CACHES above."""
    caches["default"].clear()
    _write(0)
    schedule = Schedule(random.Random(seed))
    PAUSE[:] = [schedule]
    try:
        return stale_reads(rounds, schedule, *SUBJECTS[name])
    finally:
        PAUSE.clear()
