"""Which query gave which tag: said by a command that renders the page, and by a header for who works on the site."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from invalidation.http import automatic
from invalidation.http.tags import tags_of
from invalidation.middleware import CacheTagMiddleware
from tests.fixtures.grouped import grouped
from tests.integration.blog.conftest import Blog, written
from tests.unit.automatic import reads

pytestmark = pytest.mark.django_db

PATH = "/blog/night-trains/"


@pytest.fixture
def blog(settings: Settings) -> Blog:
    settings.INVALIDATION = {**settings.INVALIDATION, "SITES": ["http://testserver"]}
    return written()


def explained(*options: str) -> str:
    out = StringIO()
    call_command("why", PATH, "--reads", *options, stdout=out)
    return out.getvalue()


def of_table(document: Any, table: str) -> list[str]:
    return next(read["tags"] for read in document["reads"] if f'FROM "{table}"' in read["what"])


def test_the_command_says_which_query_gave_which_tag(blog: Blog) -> None:
    post = blog.published
    [document] = json.loads(explained("--format", "json"))
    assert document["status_code"] == 200
    assert document["untagged"] == []
    assert of_table(document, "blog_post") == sorted(
        [f"blog.post:{post.pk}", f"blog.author:{post.author_id}", f"blog.category:{post.category_id}"]
    )
    assert f"blog.tag:{blog.tag.pk}" in of_table(document, "blog_tag")


def test_the_command_says_it_in_a_table(blog: Blog) -> None:
    shown = explained()
    assert PATH in shown
    assert "SELECT" in shown


def test_the_command_needs_no_setting(blog: Blog, settings: Settings) -> None:
    settings.INVALIDATION = grouped({**settings.INVALIDATION, "AUTOMATIC_TAGS": False})
    request = RequestFactory().get("/a_row_by_its_key_that_may_come/")
    automatic.ask_to_explain(request)
    CacheTagMiddleware(lambda _: HttpResponse(reads.a_row_by_its_key_that_may_come()))(request)
    assert tags_of(request) == {"library.plain:7"}


def test_values_are_in_no_report(blog: Blog) -> None:
    assert "night-trains'" not in explained("--format", "json")


def test_the_header_says_the_same_where_it_is_asked_for(client: Client, blog: Blog, settings: Settings) -> None:
    assert "X-Cache-Reads" not in client.get(PATH).headers
    settings.INVALIDATION = grouped({**settings.INVALIDATION, "EXPLAIN_TAGS": True})
    told = client.get(PATH).headers["X-Cache-Reads"]
    assert f"blog.post:{blog.published.pk}" in told
    assert "SELECT" in told
    assert len(told) <= 4000
