"""What a change to the library makes stale."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

import invalidation
from tests.library import kinds
from tests.library.models import (
    Author,
    Book,
    Document,
    Draft,
    Genre,
    Loan,
    Magazine,
    Memoir,
    Notice,
    Page,
    Patron,
    Report,
    Review,
    Shelf,
    Ticket,
)

invalidation.register(
    Author, Genre, Shelf, Document, Report, Memoir, Patron, Review, Ticket, Loan, Draft, Magazine, Page
)
invalidation.register(
    kinds.Plain,
    kinds.Parent,
    kinds.Child,
    kinds.Token,
    kinds.Pair,
    kinds.Computed,
    kinds.Veiled,
    kinds.Foreign,
    kinds.Owner,
    kinds.Owned,
    kinds.Node,
    kinds.Group,
    kinds.Member,
    kinds.Right,
    kinds.Left,
    kinds.Remark,
    kinds.Remarked,
)


@invalidation.register(Book)
class BookRules(invalidation.Rules):
    """A public book; its author's page lists it."""

    track = ["slug", "author"]
    ignore = ["views"]
    related = ["author"]

    def when(self, book: Book) -> bool:
        return book.public

    def urls(self, book: Book) -> list[str]:
        return [book.author.get_absolute_url()]

    def keys(self, book: Book) -> list[str]:
        return [f"book:{book.slug}"]


@invalidation.register(kinds.Adopted)
class AdoptedRules(invalidation.Rules):
    """Of a model whose manager nobody can change."""

    managers = ["objects"]


@invalidation.register(Notice)
class NoticeRules(invalidation.Rules):
    """Shown to the public between two instants."""

    def when(self, notice: Notice) -> bool:
        now = timezone.now()
        return bool(notice.opens_at and notice.opens_at <= now and not (notice.closes_at and notice.closes_at <= now))

    def changes_at(self, notice: Notice) -> list[datetime | None]:
        return [notice.opens_at, notice.closes_at]
