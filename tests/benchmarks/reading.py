"""B7: what a hit costs, of a value and of a row, beside a plain get of the same backend and beside django-cacheops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.django_site import django_site
from tests.benchmarks.figures import Aim, Figure
from tests.benchmarks.rival_environment import RivalEnvironment
from tests.benchmarks.sampling import medians

READS = 5000
VALUE = {"title": "x" * 2000}
#: Names, and at most so many plain gets of the same process.
HITS = {"value": ("a tagged value", 1.2), "row": ("a row by a cached query", 4.0)}


def ours() -> dict[str, float]:
    """Microseconds of a plain get, of a tagged value, and of a row found by a cached query."""
    from django.core.cache import cache

    from invalidation.caching import fresh_start, tagged
    from project.blog.models import Post
    from tests.benchmarks import subjects

    subjects.write_row()
    cache.set("plain", VALUE)
    with fresh_start():
        tagged.set("tagged", VALUE, tags="a b")
    assert tagged.get("tagged", tags="a b") == VALUE
    return medians(
        {
            "plain": lambda: cache.get("plain"),
            "value": lambda: tagged.get_or_set("tagged", lambda: VALUE, tags="a b"),
            "row": lambda: Post.objects.cached_get(slug="x"),
        },
        READS,
    )


def figures() -> Iterator[Figure]:
    """Ours, then the rival's, each over its own plain get."""
    with TemporaryDirectory(prefix="benchmark-") as folder, django_site() as redis:
        rival = RivalEnvironment(Path(folder)).asked("reading", "cacheops", redis.url(9), READS)
        from django.test import override_settings

        plainest = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis.url(8)}}
        with override_settings(CACHES=plainest):
            found = {"ours": ours(), "cacheops": rival}
    for name, taken in found.items():
        for kind, (what, most) in HITS.items():
            aim = Aim("≤", most, "ratio") if name == "ours" else None
            yield Figure("B7", f"hit: {what}, {name}", taken[kind], "µs", taken["plain"], "plain get", aim)
