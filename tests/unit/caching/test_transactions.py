"""The tagged cache inside transactions: what only one of them sees never reaches others, and is never overlooked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import caches
from django.db import connection, transaction

from invalidation.caching import TaggedCache
from invalidation.providers.redis import TAG_VERSION_KEY
from tests.fixtures.stores import EachApart


@pytest.fixture
def table(transactional_db: None) -> Iterator[None]:
    """A table of one row that belongs to no model."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE caching_plain (number integer)")
        cursor.execute("INSERT INTO caching_plain VALUES (1)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE caching_plain")


def number() -> int:
    """The row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM caching_plain")
        return int(cursor.fetchone()[0])


def write(value: int) -> None:
    """Change the row."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE caching_plain SET number = %s", [value])


def test_a_transaction_that_has_written_neither_reads_nor_fills_the_cache(table: None, tagged: TaggedCache) -> None:
    with transaction.atomic():
        assert tagged.get_or_set("key", number, tags="a") == 1  # has only read
        assert tagged.get("key", tags="a") == 1
        write(2)
        assert tagged.get_or_set("key", number, tags="a") == 2
        assert tagged.get("key", tags="a") is None
        assert not tagged.set("key", 2, tags="a")
    assert tagged.get("key", tags="a") == 1


def test_a_transaction_that_has_filled_a_cache_in_the_database_still_reads_it(table: None, cache_table: None) -> None:
    tagged = EachApart("database")
    with transaction.atomic():
        assert tagged.get_or_set("key", number, tags="a") == 1
        assert tagged.get("key", tags="a") == 1


def test_a_transaction_whose_write_was_rolled_back_is_clean_again(table: None, tagged: TaggedCache) -> None:
    tagged.get_or_set("key", number, tags="a")
    with transaction.atomic():
        with transaction.atomic():
            write(2)
            transaction.set_rollback(True)
        assert tagged.get("key", tags="a") == 1
    with transaction.atomic():
        write(3)
        transaction.set_rollback(True)
    assert tagged.get("key", tags="a") == 1


def test_an_invalidation_inside_a_transaction_counts_again_at_its_commit(table: None, tagged: TaggedCache) -> None:
    with transaction.atomic():
        write(2)
        tagged.invalidate("a")
        caches[tagged.alias].set(TAG_VERSION_KEY + "a", "from a reader of the old row", version=1)
    assert caches[tagged.alias].get(TAG_VERSION_KEY + "a", version=1) is None
