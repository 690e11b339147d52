"""Every way to read through the ORM, each a page of its own that shows what it read; none has a tag written by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.paginator import Paginator
from django.db import models, transaction
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, Subquery, Sum, Window
from django.db.models.functions import Rank, Upper
from django.http import HttpRequest, HttpResponse
from django.urls import path

from invalidation.caching import cache_queryset, tagged
from tests.fixtures.library.kinds import Child, Group, Left, Member, Node, Owned, Owner, Plain, Token
from tests.fixtures.library.models import Author, Book, Genre, Placement, Review, Shelf

#: Keys that are asked for, beside the rows that there are.
FIRST, ABSENT = 1, 9_999
READS: dict[str, Callable[[], Any]] = {}
ASYNC_READS: dict[str, Callable[[], Awaitable[Any]]] = {}


def reads(function: Callable[[], Any]) -> Callable[[], Any]:
    """A page of this name."""
    READS[function.__name__] = function
    return function


def reads_async(function: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    """A page of this name, served by an async view."""
    ASYNC_READS[function.__name__] = function
    return function


def one(rows: models.QuerySet[Any, Any], *names: str, **lookups: Any) -> Any:
    """What a page shows of a row, or that there is none."""
    row = rows.filter(**lookups).first() if lookups else rows.first()
    return [getattr(row, name) for name in names] if row else None


def got(model: Any, **lookups: Any) -> Any:
    """By `get`, as most views ask."""
    try:
        return model.objects.get(**lookups)
    except (model.DoesNotExist, model.MultipleObjectsReturned) as error:
        return type(error).__name__


def shown(row: Any, *names: str) -> Any:
    """Some attributes of a row that may not be there."""
    return row if isinstance(row, str) else [str(getattr(row, name)) for name in names]


@reads
def a_row_by_its_key() -> Any:
    return shown(got(Book, pk=FIRST), "title", "slug")


@reads
def a_row_by_its_key_that_may_come() -> Any:
    return shown(got(Plain, pk=7), "slug", "note")


@reads
def a_row_by_a_unique_value() -> Any:
    return shown(got(Book, slug="book-2"), "title", "pk")


@reads
def a_row_by_a_unique_value_and_more() -> Any:
    return shown(got(Book, slug="book-3", public=True), "title")


@reads
def a_row_by_a_unique_value_that_none_has_yet() -> Any:
    return shown(got(Plain, slug="plain-new"), "note")


@reads
def a_row_by_a_key_as_text() -> Any:
    return shown(got(Book, pk="2"), "title")


@reads
def rows_by_their_keys() -> Any:
    return list(Book.objects.filter(pk__in=[1, 2, ABSENT]).order_by("title").values_list("title", "slug"))


@reads
def rows_by_their_keys_sliced() -> Any:
    return [str(book.title) for book in Book.objects.filter(pk__in=[1, 2, 3, 4]).order_by("title")[:2]]


@reads
def in_bulk() -> Any:
    return {key: book.title for key, book in Book.objects.in_bulk([1, 3]).items()}


@reads
def in_bulk_by_slug() -> Any:
    return {key: row.note for key, row in Plain.objects.in_bulk(["plain-1", "plain-new"], field_name="slug").items()}


@reads
def every_row() -> Any:
    return [(genre.pk, genre.slug) for genre in Genre.objects.order_by("pk")]


@reads
def a_filtered_list() -> Any:
    return [book.title for book in Book.objects.filter(title__contains="a").order_by("title")]


@reads
def an_excluded_list() -> Any:
    return [book.title for book in Book.objects.exclude(pk=FIRST).order_by("title")]


@reads
def a_list_of_one_key_or_another_thing() -> Any:
    return [book.title for book in Book.objects.filter(Q(pk=FIRST) | Q(title__startswith="b")).order_by("title")]


@reads
def a_window_of_a_list() -> Any:
    return [book.title for book in Book.objects.order_by("title")[1:3]]


@reads
def the_first_and_the_last() -> Any:
    return one(Book.objects.order_by("title"), "title"), Book.objects.latest("pk").title if Book.objects.all() else 0


@reads
def a_page_of_a_paginator() -> Any:
    page = Paginator(Book.objects.order_by("title"), 2).page(1)
    return page.paginator.count, [book.title for book in page]


@reads
def a_count() -> Any:
    return Book.objects.filter(public=True).count()


@reads
def whether_there_is_one() -> Any:
    return Book.objects.filter(title="new").exists(), Book.objects.filter(pk=3).exists()


@reads
def an_aggregate() -> Any:
    return Book.objects.aggregate(total=Count("pk"), keys=Sum("author_id"))


@reads
def an_aggregate_over_a_join() -> Any:
    return Author.objects.aggregate(total=Count("books__genres"))


@reads
def an_aggregate_over_a_slice() -> Any:
    return Book.objects.order_by("title")[:3].aggregate(total=Sum("author_id"))


@reads
def values() -> Any:
    return list(Book.objects.order_by("pk").values("title", "author__slug"))


@reads
def values_of_a_row() -> Any:
    return list(Book.objects.filter(pk=2).values("title", "author__slug"))


@reads
def values_list_flat() -> Any:
    return list(Plain.objects.order_by("slug").values_list("note", flat=True))


@reads
def distinct_values() -> Any:
    return list(Book.objects.order_by("author__slug").values_list("author__slug", flat=True).distinct())


@reads
def counts_by_group() -> Any:
    return list(Author.objects.order_by("pk").annotate(n=Count("books")).values_list("slug", "n"))


@reads
def dates() -> Any:
    return list(Book.objects.order_by("pk").annotate(loud=Upper("title")).values_list("loud", flat=True))


@reads
def an_iterator() -> Any:
    return [book.title for book in Book.objects.order_by("pk").iterator(chunk_size=2)]


@reads
def an_iterator_that_is_left() -> Any:
    rows: Iterator[Any] = Book.objects.order_by("title").iterator(chunk_size=1)
    return next((book.title for book in rows), None)


@reads
def deferred_columns() -> Any:
    return [book.slug for book in Book.objects.only("title").order_by("pk")[:2]]


@reads
def a_foreign_key_followed() -> Any:
    book = got(Book, pk=2)
    return book if isinstance(book, str) else book.author.slug


@reads
def a_foreign_key_joined() -> Any:
    return [(book.title, book.author.slug) for book in Book.objects.select_related("author").order_by("pk")]


@reads
def a_foreign_key_joined_to_one_row() -> Any:
    book = Book.objects.select_related("author").filter(pk=4).first()
    return book and (book.title, book.author.slug)


@reads
def a_list_in_the_order_of_a_joined_column() -> Any:
    return [book.title for book in Book.objects.select_related("author").order_by("author__slug", "pk")[:2]]


@reads
def a_list_by_a_joined_value() -> Any:
    return [book.title for book in Book.objects.filter(author__slug="author-2").order_by("pk")]


@reads
def a_foreign_key_that_may_be_null() -> Any:
    return [(one.slug, one.owner and one.owner.slug) for one in Owned.objects.select_related("owner").order_by("pk")]


@reads
def a_foreign_key_backwards() -> Any:
    author = got(Author, pk=2)
    return author if isinstance(author, str) else [book.title for book in author.books.order_by("pk")]


@reads
def a_foreign_key_backwards_prefetched() -> Any:
    return [(one.slug, [owned.slug for owned in one.owned.all()]) for one in Owner.objects.prefetch_related("owned")]


@reads
def a_foreign_key_prefetched() -> Any:
    return [(one.slug, one.owner and one.owner.slug) for one in Owned.objects.prefetch_related("owner").order_by("pk")]


@reads
def rows_without_related_ones() -> Any:
    return [owner.slug for owner in Owner.objects.filter(owned=None).order_by("pk")]


@reads
def a_many_to_many() -> Any:
    book = got(Book, pk=1)
    return book if isinstance(book, str) else [genre.slug for genre in book.genres.all()]


@reads
def a_many_to_many_in_part() -> Any:
    book = got(Book, pk=1)
    return book if isinstance(book, str) else [genre.slug for genre in book.genres.filter(slug__endswith="1")]


@reads
def the_first_of_a_many_to_many() -> Any:
    book = got(Book, pk=1)
    return book if isinstance(book, str) else [genre.slug for genre in book.genres.order_by("-slug")[:1]]


@reads
def a_many_to_many_counted() -> Any:
    book = got(Book, pk=1)
    return book if isinstance(book, str) else (book.genres.count(), book.genres.filter(pk=1).exists())


@reads
def a_many_to_many_backwards() -> Any:
    genre = got(Genre, pk=1)
    return genre if isinstance(genre, str) else sorted(book.title for book in genre.books.all())


@reads
def a_many_to_many_prefetched() -> Any:
    rows = Member.objects.order_by("pk").prefetch_related("groups")
    return [(member.slug, sorted(group.slug for group in member.groups.all())) for member in rows]


@reads
def a_many_to_many_prefetched_in_part() -> Any:
    inner = Prefetch("groups", queryset=Group.objects.exclude(note="hidden"), to_attr="seen")
    return [(one.slug, sorted(group.slug for group in one.seen)) for one in Member.objects.prefetch_related(inner)]


@reads
def a_list_by_a_many_to_many() -> Any:
    return [member.slug for member in Member.objects.filter(groups=1).order_by("slug")]


@reads
def a_list_by_the_name_at_the_far_end() -> Any:
    return [member.slug for member in Member.objects.filter(groups__slug="group-2").order_by("slug")]


@reads
def a_many_to_many_to_itself() -> Any:
    node = got(Node, pk=1)
    return node if isinstance(node, str) else sorted(friend.slug for friend in node.friends.all())


@reads
def an_explicit_join_model() -> Any:
    return sorted(Placement.objects.values_list("book__slug", "shelf__slug", "position"))


@reads
def through_an_explicit_join_model() -> Any:
    left = got(Left, pk=1)
    return left if isinstance(left, str) else sorted(right.slug for right in left.rights.all())


@reads
def in_the_order_of_an_explicit_join_model() -> Any:
    shelf = got(Shelf, pk=1)
    return shelf if isinstance(shelf, str) else [book.slug for book in shelf.books.order_by("placement__position")]


@reads
def a_tree() -> Any:
    return [(node.slug, node.parent and node.parent.slug) for node in Node.objects.select_related("parent")]


@reads
def the_children_of_a_node() -> Any:
    return [node.slug for node in Node.objects.filter(parent=1).order_by("slug")]


@reads
def a_subquery() -> Any:
    newest = Book.objects.filter(author=OuterRef("pk")).order_by("-title").values("title")[:1]
    return list(Author.objects.order_by("pk").annotate(newest=Subquery(newest)).values_list("slug", "newest"))


@reads
def a_row_with_a_subquery() -> Any:
    written = Book.objects.filter(author=OuterRef("pk"), title="new")
    return list(Author.objects.filter(pk=1).annotate(has=Exists(written)).values_list("slug", "has"))


@reads
def a_row_of_a_subquery() -> Any:
    return [book.title for book in Book.objects.filter(author__in=Author.objects.filter(slug="author-1"))]


@reads
def a_union() -> Any:
    return sorted(Plain.objects.values_list("slug").union(Owner.objects.values_list("slug")))


@reads
def a_window() -> Any:
    rank = Window(Rank(), partition_by="author", order_by="title")
    return list(Book.objects.order_by("pk").annotate(place=rank).values_list("slug", "place"))


@reads
def a_column_of_another_column() -> Any:
    return [book.slug for book in Book.objects.filter(pk=F("author_id")).order_by("pk")]


@reads
def a_filtered_relation() -> Any:
    new = models.FilteredRelation("books", condition=Q(books__title="new"))
    return list(Author.objects.annotate(new=new).order_by("pk").values_list("slug", "new__slug"))


@reads
def a_generic_relation() -> Any:
    book = got(Book, pk=1)
    return book if isinstance(book, str) else sorted(review.text for review in book.reviews.all())


@reads
def a_generic_foreign_key() -> Any:
    return [(one.text, str(one.subject and one.subject.slug)) for one in Review.objects.prefetch_related("subject")]


@reads
def a_child_by_a_value_of_its_parent() -> Any:
    return shown(got(Child, slug="child-1"), "note", "year")


@reads
def children() -> Any:
    return [(child.slug, child.year) for child in Child.objects.order_by("pk")]


@reads
def a_child_by_its_key() -> Any:
    return shown(got(Child, pk=1), "slug", "year")


@reads
def a_row_with_a_uuid() -> Any:
    return shown(got(Token, pk="00000000-0000-4000-8000-000000000001"), "slug", "note")


@reads
def rows_with_uuids() -> Any:
    return [(str(token.pk), token.note) for token in Token.objects.order_by("slug")]


@reads
def a_row_with_a_uuid_by_its_slug() -> Any:
    return shown(got(Token, slug="token-1"), "pk", "note")


@reads
def nothing() -> Any:
    return list(Book.objects.none())


@reads
def a_cached_queryset() -> Any:
    return [book.title for book in cache_queryset(Book.objects.select_related("author").order_by("pk"))]


@reads
def a_cached_value_by_its_own_tags() -> Any:
    return tagged.get_or_set("plain", lambda: one(Plain.objects.all(), "note"), 60, tags=["library.plain"])


@reads
def more_rows_than_are_named() -> Any:
    return list(Plain.objects.order_by("pk").values_list("note", flat=True))


@reads_async
async def an_async_get() -> Any:
    book = await Book.objects.filter(pk=2).afirst()
    return book and book.title


@reads_async
async def an_async_list() -> Any:
    return [genre.slug async for genre in Genre.objects.order_by("pk")]


@reads_async
async def an_async_count_and_relation() -> Any:
    book = await Book.objects.select_related("author").filter(pk=3).afirst()
    return await Book.objects.acount(), book and book.author.slug


@reads_async
async def sync_code_in_a_thread() -> Any:
    return await sync_to_async(a_many_to_many, thread_sensitive=True)()


def _page(read: Callable[[], Any]) -> Callable[[HttpRequest], HttpResponse]:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(repr(read()), headers={"Cache-Control": "public, s-maxage=600"})

    return view


def _async_page(read: Callable[[], Awaitable[Any]]) -> Any:
    @transaction.non_atomic_requests
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(repr(await read()), headers={"Cache-Control": "public, s-maxage=600"})

    return view


urlpatterns = [
    *(path(f"{name}/", _page(read)) for name, read in READS.items()),
    *(path(f"{name}/", _async_page(read)) for name, read in ASYNC_READS.items()),
]
