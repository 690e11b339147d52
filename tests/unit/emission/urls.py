"""Views that write: one that may fail afterwards, and an asynchronous one."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.fixtures.library.models import Book


def rename(request: HttpRequest, slug: str, then: str) -> HttpResponse:
    """In the request's transaction."""
    book = Book.objects.get()
    book.slug = slug
    book.save()
    if then == "fail":
        raise RuntimeError(then)
    return HttpResponse(slug)


@transaction.non_atomic_requests
async def rename_asynchronously(request: HttpRequest, slug: str) -> HttpResponse:
    """In autocommit: Django has no transactions for asynchronous views."""
    book = await Book.objects.aget()
    book.slug = slug
    await book.asave()
    return HttpResponse(slug)


urlpatterns = [
    path("rename/<slug:slug>/<slug:then>/", rename),
    path("asynchronous/<slug:slug>/", rename_asynchronously),
]
