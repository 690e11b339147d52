"""The stale-set race: a reader computes the old value, a writer commits and invalidates, the reader stores."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.template import Context, Template
from pytest_django import Settings

from deploy.local import Redis
from invalidation.caching import tagged
from invalidation.providers.redis import Redis as CacheTier
from tests.benchmarks import subjects

pytestmark = pytest.mark.takes(25)

#: Of the run's Redis.
DATABASE = 13
ROUNDS = 500
PARALLEL_ROUNDS = 150
OURS = ["tagged", "CachedManager", "taggedcache"]


class Row:
    """A value in a database, changed and invalidated while a reader is on its way to the cache with the old one."""

    def __init__(self) -> None:
        self.value = "old"
        self.is_raced = True

    def read(self) -> str:
        found = self.value
        if self.is_raced:
            self.is_raced = False
            self.value = "new"
            CacheTier("cache", "", {}).purge_tags(["a"])
            cache.delete("naive")
        return found


def naive(row: Row) -> Any:
    """The textbook's order: look, compute, store."""
    value = cache.get("naive")
    if value is None:
        value = row.read()
        cache.set("naive", value)
    return value


def test_f17_a_value_computed_before_an_invalidation_is_not_used_after_it_where_the_naive_cache_keeps_it(
    shared_cache: None,
) -> None:
    row = Row()
    assert [naive(row), naive(row)] == ["old", "old"]
    row = Row()
    assert [tagged.get_or_set("key", row.read, tags="a") for _ in range(2)] == ["old", "new"]


def test_a_fragment_rendered_before_an_invalidation_is_not_used_after_it(shared_cache: None) -> None:
    row = Row()
    source = '{% load invalidation %}{% taggedcache 60 "x" tags="a" %}{{ row.read }}{% endtaggedcache %}'
    assert [Template(source).render(Context({"row": row})) for _ in range(2)] == ["old", "new"]


@pytest.fixture
def one_row(db: None, settings: Settings, redis_server: Redis, freshness: None) -> Iterator[None]:
    settings.CACHES = subjects.configured(redis_server.url(DATABASE))
    subjects.write_row()
    yield
    cache.clear()


@pytest.mark.parametrize("name", OURS)
def test_what_is_raced_is_really_kept(one_row: None, name: str) -> None:
    read, _ = subjects.SUBJECTS[name]
    before = read()
    subjects.write_number(7)  # with no word to the cache
    assert read() == before


@pytest.mark.parametrize("name", OURS)
def test_no_order_of_the_steps_leaves_a_stale_value(one_row: None, name: str) -> None:
    assert subjects.interleaved(name, ROUNDS) == 0


def test_the_orders_include_those_that_the_textbook_cache_gets_wrong(one_row: None) -> None:
    assert subjects.interleaved("textbook", ROUNDS) > ROUNDS / 100


def test_f17_processes_that_read_and_write_at_once_leave_no_stale_value_where_the_textbook_cache_does() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.races", "--rounds", str(PARALLEL_ROUNDS), *OURS, "textbook"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()[1:]}
    nothing = ["fresh", "0", "of", str(PARALLEL_ROUNDS), "0", "of"]
    assert {name: lines[name][:6] for name in OURS} == dict.fromkeys(OURS, nothing)
    assert all(int(lines[name][7]) >= subjects.LEAST_RACED for name in OURS)  # readers did meet the writer
    assert lines["textbook"][0] == "stale"
    assert int(lines["textbook"][4]) > 0
