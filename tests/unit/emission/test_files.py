"""A replaced or deleted file makes its address stale, the old one and the new one, and what is derived from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from pytest_django import Settings

import invalidation
from tests.fixtures.library.invalidations import BookRules
from tests.fixtures.library.models import Author, Book
from tests.unit.emission.conftest import Outbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]


class Derived(BookRules):
    def derived_urls(self, file: Any) -> list[str]:
        return [f"/thumbnails/{file.name}"]


@pytest.fixture(params=[False, True], ids=["new names", "names overwritten"])
def overwrites(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[bool]:
    """A storage that gives each upload a name of its own, or one that replaces what is there."""
    options = {"location": str(tmp_path), "base_url": "/media/", "allow_overwrite": request.param}
    backend = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": backend}
    invalidation.register(Book, rules=Derived)
    yield request.param
    invalidation.register(Book, rules=BookRules)


@pytest.fixture
def scanned(overwrites: bool, author: Author, outbox: Outbox) -> Book:
    """A book with a file."""
    book = Book(slug="waves", author=author)
    book.scan.save("page.txt", ContentFile(b"one"))
    assert media(outbox) == both("page.txt")
    outbox.forget()
    return Book.objects.get()


def media(outbox: Outbox) -> set[str]:
    return {url for url in outbox.urls if url.startswith(("/media/", "/thumbnails/"))}


def both(*names: str | None) -> set[str]:
    """Address of each, and of its thumbnail."""
    return {f"/{folder}/{name}" for name in names for folder in ("media", "thumbnails")}


def test_a_replaced_file_was_its_old_address_and_is_its_new_one(
    scanned: Book, outbox: Outbox, overwrites: bool
) -> None:
    scanned.scan = ContentFile(b"two", name="page.txt")
    scanned.save()
    assert (scanned.scan.name == "page.txt") is overwrites
    assert media(outbox) == both("page.txt", scanned.scan.name)


def test_a_file_replaced_under_its_own_name_past_the_form_is_seen(scanned: Book, outbox: Outbox) -> None:
    scanned.scan.save("page.txt", ContentFile(b"two"))
    assert both("page.txt", scanned.scan.name) == media(outbox)


def test_a_save_that_leaves_the_file_alone_leaves_its_address_alone(scanned: Book, outbox: Outbox) -> None:
    scanned.title = "other"
    scanned.save()
    assert outbox.urls
    assert media(outbox) == set()


def test_a_cleared_file_and_a_deleted_row_make_the_address_stale(scanned: Book, outbox: Outbox) -> None:
    scanned.scan = ""
    scanned.save()
    assert media(outbox) == both("page.txt")
    scanned.scan = "page.txt"
    scanned.save()
    outbox.forget()
    scanned.delete()
    assert media(outbox) == both("page.txt")


def test_bulk_writes_of_the_column_are_seen(scanned: Book, outbox: Outbox) -> None:
    Book.objects.update(scan="other.txt")
    assert media(outbox) == both("page.txt", "other.txt")
    outbox.forget()
    Book.objects.update(title="other")
    assert media(outbox) == set()
    Book.objects.all().delete()
    assert media(outbox) == both("other.txt")


def test_bulk_creation_names_the_files_that_it_stores(overwrites: bool, author: Author, outbox: Outbox) -> None:
    Book.objects.bulk_create([Book(slug="waves", author=author, scan=ContentFile(b"one", name="page.txt"))])
    assert media(outbox) == both("page.txt")


def test_a_file_on_another_host_or_without_an_address_is_left_out(
    scanned: Book, outbox: Outbox, settings: Settings
) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "SITES": ["https://example.com"]}
    storage: Any = storages["default"]
    for address in ("https://bucket.test/", None):
        storage._base_url = address
        storage.__dict__.pop("base_url", None)
        settings.MEDIA_URL = ""
        scanned.scan = f"other-{address is None}.txt"
        scanned.save()
    assert not any("bucket.test" in url for url in outbox.urls)
