"""What automatic tags can't see, one page each: named, with a short life, or passed over as the how-to says."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import pytest
from django.core.cache import cache as django_cache
from django.db import connection, connections

import invalidation
from invalidation.http.tags import tags_of, untagged_in
from tests.fixtures.library.kinds import Plain
from tests.unit.automatic.conftest import Rendered

Render = Callable[..., Rendered]


@pytest.fixture(autouse=True)
def _rows(db: None) -> None:
    with invalidation.suspend(reason="fixture"):
        Plain.objects.create(slug="one", note="old")


def notes() -> list[str]:
    return list(Plain.objects.values_list("note", flat=True))


def by_view_of_the_database() -> Any:
    with connection.cursor() as cursor:
        cursor.execute("/* said by a tool */ SELECT note FROM notes_view")
        return cursor.fetchall()


def test_a_view_of_the_database_is_named(render: Render) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE VIEW notes_view AS SELECT note FROM library_plain")
    try:
        request, _ = render(by_view_of_the_database)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP VIEW notes_view")
    assert untagged_in(request) == {"raw SQL over no table of a model"}


def test_what_django_s_cache_gives_is_passed_over(render: Render) -> None:
    first, _ = render(lambda: django_cache.get_or_set("notes", notes))
    second, _ = render(lambda: django_cache.get_or_set("notes", notes))
    assert tags_of(first) == {"library.plain"}
    assert tags_of(second) | untagged_in(second) == set()


def test_what_the_process_remembers_is_passed_over(render: Render) -> None:
    remembered = cache(notes)
    first, _ = render(remembered)
    second, _ = render(remembered)
    assert tags_of(first) == {"library.plain"}
    assert tags_of(second) | untagged_in(second) == set()


@pytest.mark.django_db(transaction=True)
def test_what_a_thread_of_one_s_own_reads_is_passed_over(render: Render) -> None:
    def read_and_close() -> list[str]:
        found = notes()
        connections.close_all()
        return found

    with ThreadPoolExecutor(1) as threads:
        request, _ = render(lambda: threads.submit(read_and_close).result())
    assert tags_of(request) | untagged_in(request) == set()
