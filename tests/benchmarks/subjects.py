"""What the race is run on: the tagged cache, cached querysets, fragments, and a textbook cache for comparison."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from django.core.cache import caches
from django.db import connection, connections
from django.template import Context, Template
from django_redis.cache import RedisCache

from invalidation.caching import fresh_start, tagged
from invalidation.providers.redis import Redis as CacheTier
from project.blog.models import Author, Category, Post
from tests.benchmarks.parallel import Outcome, Race
from tests.benchmarks.schedule import Schedule, stale_reads

TIER = CacheTier("cache", "", {})
FRAGMENT = Template('{% load invalidation %}{% taggedcache 60 "race" tags="blog.post" %}{{ row }}{% endtaggedcache %}')
#: Called at each point of a reader's way, with whether it stands between the database's answer and the cache.
PAUSES: list[Callable[[bool], None]] = []
#: In how many rounds at least a reader must have met the writer, or they would prove little.
LEAST_RACED = 5


class PausingCache(RedisCache):  # type: ignore[misc]  # django-redis has no types
    """Reaches a point before and after each of its operations."""


def _pausing(name: str) -> Callable[..., Any]:
    plain = getattr(RedisCache, name)

    def operation(self: PausingCache, *args: Any, **kwargs: Any) -> Any:
        _point()
        result = plain(self, *args, **kwargs)
        _point()
        return result

    return operation


for _name in ("get", "set", "add", "get_many", "delete_many"):
    setattr(PausingCache, _name, _pausing(_name))


def configured(redis_url: str) -> dict[str, dict[str, str]]:
    """CACHES for the race."""
    return {"default": {"BACKEND": "tests.benchmarks.subjects.PausingCache", "LOCATION": redis_url}}


def write_row() -> None:
    """The row that the race is about."""
    category = Category.objects.create(name="c", slug="c")
    Post.objects.create(title="x", slug="x", category=category, author=Author.objects.create(username="a"))


def _point(computed: bool = False) -> None:
    for pause in PAUSES:
        pause(computed)


def _row() -> int:
    """The truth, as a reader's query finds it."""
    _point()
    with connection.cursor() as cursor:
        cursor.execute("SELECT view_count FROM blog_post")
        number = int(cursor.fetchone()[0])
    _point(computed=True)
    return number


def write_number(number: int) -> None:
    """Commit a number to the row; the cache is not told."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE blog_post SET view_count = %s", [number])


def _steps(number: int) -> Iterator[Callable[[], object]]:
    yield lambda: write_number(number)
    yield lambda: TIER.purge_tags(["blog.post"])


def _naive_steps(number: int) -> Iterator[Callable[[], object]]:
    yield lambda: write_number(number)
    yield lambda: caches["default"].delete("naive")


def _naive() -> int:
    value = caches["default"].get("naive")
    if value is None:
        value = _row()
        caches["default"].set("naive", value, 60)
    return int(value)


def _tagged() -> int:
    with fresh_start():
        return int(tagged.get_or_set("race", _row, 60, tags="blog.post"))


def _queryset() -> int:
    with connection.execute_wrapper(_around_select):
        return int(Post.objects.cached_get().view_count)


def _around_select(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    if not sql.startswith("SELECT"):
        return execute(sql, params, many, context)
    _point()
    result = execute(sql, params, many, context)
    _point(computed=True)
    return result


def _fragment() -> int:
    with fresh_start():
        return int(FRAGMENT.render(Context({"row": _row})))


Steps = Callable[[int], Iterator[Callable[[], object]]]
SUBJECTS: dict[str, tuple[Callable[[], object], Steps]] = {
    "tagged": (_tagged, _steps),
    "CachedManager": (_queryset, _steps),
    "taggedcache": (_fragment, _steps),
    "textbook": (_naive, _naive_steps),
}


def interleaved(name: str, rounds: int, seed: int = 1) -> int:
    """Stale reads where the writer takes its steps at points of the reader's way, in this process."""
    _start()
    schedule = Schedule(random.Random(seed))
    PAUSES[:] = [lambda _: schedule.point()]
    try:
        return stale_reads(rounds, schedule, *SUBJECTS[name])
    finally:
        PAUSES.clear()


def parallel(name: str, rounds: int, *, in_order: bool = False) -> Outcome:
    """What comes of readers and a writer in processes of their own."""
    plain, steps = SUBJECTS[name]

    def read(computed: Callable[[], None]) -> object:
        PAUSES[:] = [lambda is_computed: computed() if is_computed else None]
        return plain()

    def write(number: int) -> None:
        for step in steps(number):
            step()

    _start()
    how: dict[str, Any] = {"readers": 1, "in_order": True} if in_order else {"least_raced": LEAST_RACED}
    return Race(rounds, read, write, **how).run()


def _start() -> None:
    """An empty cache, a known row, and nothing connected that a fork would share."""
    caches["default"].clear()
    write_number(0)
    if not connection.in_atomic_block:
        connections.close_all()
        caches.close_all()
