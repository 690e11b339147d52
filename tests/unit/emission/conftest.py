"""What was stored in the outboxes and announced, and a small library to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Model
from pytest_django import Settings

import invalidation
from invalidation.emission import registry
from invalidation.freshness import complaints
from invalidation.models import Event
from invalidation.signals import event_recorded
from invalidation.targets.values import Targets, union
from tests.fixtures.library.models import Author, Book


def deletions(_operations: Any, _style: Any, tables: Sequence[str], **_: Any) -> list[str]:
    """SQL that empties tables without a word from their triggers, as TRUNCATE does."""
    return ["SET LOCAL session_replication_role = replica;", *(f'DELETE FROM "{table}";' for table in tables)]


@pytest.fixture(scope="session", autouse=True)
def _rows_are_deleted() -> Iterator[None]:
    """After each test: PostgreSQL makes new files for each table and index that it truncates, however few its rows."""
    with pytest.MonkeyPatch.context() as patch:
        if connection.vendor == "postgresql":
            patch.setattr(type(connection.ops), "sql_flush", deletions)
        yield


def savepoint() -> str:
    """One that is rolled back by hand; Django 6.1 calls it by another name."""
    create = getattr(transaction, "savepoint_create", None) or transaction.savepoint
    return str(create())


@contextmanager
def said(model: type[Model], **values: Any) -> Iterator[None]:
    """As if the rules of the model said so too."""
    known = type(registry.registered()[model])
    invalidation.register(model, rules=type("SomeRules", (known,), values))
    try:
        yield
    finally:
        invalidation.register(model, rules=known)


@dataclass
class Outbox:
    """The stored events of one database, and which of them were announced since the last `forget`."""

    database: str = "default"
    announcements: list[list[str]] = field(default_factory=list)

    @property
    def events(self) -> list[Event]:
        return list(Event.objects.using(self.database).order_by("id"))

    @property
    def targets(self) -> Targets:
        return union(Targets.from_document(event.targets) for event in self.events)

    @property
    def urls(self) -> set[str]:
        return set(self.targets.urls)

    @property
    def tags(self) -> set[str]:
        return set(self.targets.tags)

    @property
    def announced(self) -> set[str]:
        return {uid for announcement in self.announcements for uid in announcement}

    @property
    def stored(self) -> set[str]:
        return {str(event.uid) for event in self.events}

    def forget(self) -> None:
        Event.objects.using(self.database).all().delete()
        self.announcements.clear()


def _listening(database: str) -> Iterator[Outbox]:
    outbox = Outbox(database)

    def listen(sender: Any, *, database: str, uids: list[str], **_: Any) -> None:
        if database == outbox.database:
            outbox.announcements.append(uids)

    event_recorded.connect(listen)
    yield outbox
    event_recorded.disconnect(listen)


@pytest.fixture
def outbox(transactional_db: None) -> Iterator[Outbox]:
    """Of the default database."""
    yield from _listening("default")


@pytest.fixture
def other_outbox(outbox: Outbox, settings: Settings) -> Iterator[Outbox]:
    """Of the second database, which has one only here."""
    settings.INVALIDATION = {**settings.INVALIDATION, "DATABASES": ["default", "other"]}
    yield from _listening("other")


@pytest.fixture(autouse=True)
def _rules_are_named_again() -> None:
    """What is wrong with one is logged once per process."""
    complaints.pending.forget()


@pytest.fixture
def author(outbox: Outbox) -> Author:
    author = Author.objects.create(slug="woolf")
    outbox.forget()
    return author


@pytest.fixture
def book(author: Author, outbox: Outbox) -> Book:
    """Public, loaded from the database."""
    book = Book.objects.create(slug="waves", author=author)
    outbox.forget()
    return Book.objects.get(pk=book.pk)
