"""The public pages: what they show, what they hide, what they cost."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from project.blog.models import Post
from tests.integration.blog.conftest import Blog

PUBLIC_PATHS = [
    "/",
    "/blog/",
    "/blog/?tag=trains",
    "/blog/night-trains/",
    "/blog/category/travel/",
    "/blog/author/amara/",
    "/api/posts/",
    "/api/posts/night-trains/",
]


@pytest.mark.parametrize("path", PUBLIC_PATHS)
def test_a_public_page_shows_the_published_post_and_no_draft(client: Client, blog: Blog, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert "Night trains" in response.content.decode()
    assert "Secret plans" not in response.content.decode()


@pytest.mark.parametrize("path", [*PUBLIC_PATHS, "/about/", "/sitemap.xml"])
def test_a_public_page_may_be_kept_by_shared_caches_and_by_no_browser(client: Client, blog: Blog, path: str) -> None:
    response = client.get(path)
    # The middleware shortens the shared lifetime where no Redis vouches for freshness, as in these tests.
    assert response["Cache-Control"].startswith("public, max-age=0, s-maxage=")
    assert not response.cookies
    assert "Cookie" not in response.get("Vary", "")


@pytest.mark.parametrize("path", PUBLIC_PATHS)
def test_a_public_page_refuses_to_be_posted_to(client: Client, blog: Blog, path: str) -> None:
    response = client.post(path)
    assert response.status_code == 405
    assert "public" not in response.get("Cache-Control", "")


@pytest.mark.parametrize(
    "path",
    [
        "/blog/secret-plans/",
        "/api/posts/secret-plans/",
        "/blog/nothing/",
        "/blog/?page=2",
        "/blog/?page=x",
        "/blog/?tag=nothing",
        "/blog/category/nothing/",
        "/blog/author/nobody/",
        "/api/posts/?page=0",
    ],
)
def test_what_the_public_may_not_see_is_not_found_and_not_cacheable(client: Client, blog: Blog, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "public" not in response.get("Cache-Control", "")


def test_an_author_who_published_nothing_has_no_page(client: Client, blog: Blog) -> None:
    Post.objects.filter(pk=blog.published.pk).update(status=Post.Status.DRAFT)
    assert client.get("/blog/author/amara/").status_code == 404


def test_the_sitemap_names_the_published_post_and_no_draft(client: Client, blog: Blog) -> None:
    text = client.get("/sitemap.xml").content.decode()
    assert "/blog/night-trains/" in text
    assert "/blog/category/travel/" in text
    assert "secret-plans" not in text


def test_a_post_costs_few_queries(
    client: Client, blog: Blog, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client.get("/about/")  # fills the sidebar
    with django_assert_max_num_queries(4):  # the post, its tags, the counted view, its next instant
        client.get("/blog/night-trains/")


def test_a_list_costs_the_same_for_any_number_of_posts(
    client: Client, blog: Blog, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client.get("/about/")
    for number in range(10):
        copy = Post.objects.get(pk=blog.published.pk)
        copy.pk, copy.slug = None, f"night-trains-{number}"
        copy.save()
    with django_assert_max_num_queries(4):  # how many, the posts, their tags, their next instant
        client.get("/blog/")


def test_the_list_is_cut_into_pages_that_name_their_neighbours(client: Client, blog: Blog) -> None:
    Post.objects.bulk_create(
        Post(title="More", slug=f"more-{number}", category=blog.category, author=blog.author, status="published")
        for number in range(29)
    )
    second = client.get("/api/posts/?page=2").json()
    assert (second["count"], second["next"], second["previous"]) == (30, None, "/api/posts/?page=1")
    assert len(second["results"]) == 10
    assert "?page=3" in client.get("/blog/?page=2").content.decode()


@pytest.mark.parametrize("path", ["/health/", "/metrics", "/admin/login/"])
def test_what_is_not_a_page_is_never_stored(client: Client, db: None, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
