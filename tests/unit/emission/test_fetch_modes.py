"""Rows that were told not to read (Django 6.1): rules read what they ask for all the same, and for themselves alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import models

from tests.fixtures.library.models import Author, Book
from tests.unit.emission.conftest import Outbox

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.databases,
    pytest.mark.skipif(not hasattr(models, "FETCH_RAISE"), reason="Django 6.1 has them"),
]


def loaded(mode: str) -> list[Any]:
    rows: Any = Book.objects.only("title").order_by("id")
    return list(rows.fetch_mode(getattr(models, mode)))


@pytest.mark.parametrize("mode", ["FETCH_ONE", "FETCH_PEERS", "FETCH_RAISE"])
def test_a_rule_reads_deferred_columns_and_relations_of_a_row_that_may_not(
    outbox: Outbox, author: Author, book: Book, mode: str
) -> None:
    [row] = loaded(mode)
    row.title = "The Waves"
    row.save()
    assert outbox.urls == {"/books/waves/", "/authors/woolf/"}
    outbox.forget()
    row.delete()
    assert outbox.urls == {"/books/waves/", "/authors/woolf/"}


def test_nothing_is_read_into_rows_that_were_loaded_beside_it(outbox: Outbox, author: Author, book: Book) -> None:
    Book.objects.create(slug="years", author=author)
    row, other = loaded("FETCH_PEERS")
    row.title = "The Waves"
    row.save()
    assert "slug" in row.get_deferred_fields()
    assert "slug" in other.get_deferred_fields()
