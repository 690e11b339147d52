"""What a change to the blog makes stale, and that every page carries the tags for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.cache import cache
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from invalidation.caching import tagged
from invalidation.emission import instants
from invalidation.http import cacheable
from invalidation.models import Event, ScheduledEvent
from invalidation.targets.values import Targets
from invalidation.testing import assert_invalidates, assert_not_invalidates, page_tags
from project.blog.models import Post
from project.blog.queries import summary_key
from tests.integration.blog.conftest import Blog


def recorded() -> Targets:
    """Everything that the stored events name."""
    targets = Targets()
    for event in Event.objects.all():
        targets |= Targets.from_document(event.targets)
    return targets


def everything_shown_of(blog: Blog) -> set[str]:
    """Tags of the published post and of all that stands beside it."""
    post, category, tag, author = blog.published.pk, blog.category.pk, blog.tag.pk, blog.author.pk
    return {f"blog.post:{post}", f"blog.category:{category}", f"blog.tag:{tag}", f"blog.author:{author}"}


SIDEBAR = {"blog.category", "blog.tag"}
LIST = {"blog.post"}


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/", SIDEBAR | LIST),
        ("/blog/", SIDEBAR | LIST),
        ("/blog/?tag=trains", SIDEBAR | LIST),
        ("/blog/author/amara/", SIDEBAR | LIST | {"blog.author"}),  # they have a page once they have published
        ("/blog/night-trains/", SIDEBAR),
        ("/api/posts/", LIST),
        ("/api/posts/night-trains/", set()),
    ],
)
def test_a_page_carries_the_tags_of_everything_it_shows(client: Client, blog: Blog, path: str, more: set[str]) -> None:
    client.get("/about/")  # a sidebar from the cache must be tagged like a fresh one
    assert page_tags(client.get(path)) == everything_shown_of(blog) | more


def test_the_list_of_a_category_carries_the_tag_of_its_posts_alone(client: Client, blog: Blog) -> None:
    part = {f"blog.post.category_id:{blog.category.pk}"}
    assert page_tags(client.get("/blog/category/travel/")) == everything_shown_of(blog) | SIDEBAR | part


@pytest.mark.parametrize(("path", "lists"), [("/about/", SIDEBAR), ("/sitemap.xml", {"blog.post", "blog.category"})])
def test_a_page_without_posts_carries_the_tags_of_what_it_names(
    client: Client, blog: Blog, path: str, lists: set[str]
) -> None:
    rows = {tag for tag in everything_shown_of(blog) if tag.partition(":")[0] in lists}
    assert page_tags(client.get(path)) == lists | rows


@pytest.mark.parametrize("path", ["/blog/category/travel/", "/blog/?tag=trains"])
def test_a_list_without_posts_still_carries_what_may_fill_it(client: Client, blog: Blog, path: str) -> None:
    Post.objects.all().delete()
    assert page_tags(client.get(path)) & everything_shown_of(blog)
    assert any(tag.startswith("blog.post") for tag in page_tags(client.get(path)))


def test_a_saved_post_makes_every_page_that_lists_it_stale(blog: Blog) -> None:
    post = Post.objects.get(pk=blog.published.pk)
    post.title = "Slow trains"
    post.save()
    parts = {f"blog.post.category_id:{post.category_id}", f"blog.post.author_id:{post.author_id}"}
    assert recorded().tags == {"blog.post", f"blog.post:{post.pk}"} | parts
    assert recorded().urls == {
        "/",
        "/blog/",
        "/blog/night-trains/",
        "/blog/category/travel/",
        "/blog/author/amara/",
        "/api/posts/",
        "/api/posts/night-trains/",
        "/sitemap.xml",
    }
    assert {key.key for key in recorded().keys} == {summary_key(post)}


def test_a_renamed_post_makes_its_old_address_stale_too(blog: Blog) -> None:
    post = Post.objects.get(pk=blog.published.pk)
    post.slug = "slow-trains"
    with assert_invalidates(urls=["/blog/night-trains/", "/blog/slow-trains/", "/api/posts/night-trains/"]):
        post.save()


@pytest.mark.parametrize(("before", "after"), [("published", "draft"), ("draft", "published")])
def test_publishing_and_unpublishing_make_the_page_stale(blog: Blog, before: str, after: str) -> None:
    post = Post.objects.get(pk=(blog.published if before == "published" else blog.draft).pk)
    post.status = after
    with assert_invalidates(urls=[post.get_absolute_url()]):
        post.save()


def test_a_saved_draft_makes_nothing_stale(blog: Blog) -> None:
    post = Post.objects.get(pk=blog.draft.pk)
    post.title = "More secret plans"
    with assert_not_invalidates():
        post.save()


def test_a_post_that_loses_a_tag_is_stale(blog: Blog) -> None:
    with assert_invalidates(tags=[f"blog.post:{blog.published.pk}"]):
        blog.published.tags.remove(blog.tag)


def test_a_counted_view_is_counted_and_makes_nothing_stale(client: Client, blog: Blog) -> None:
    before = Post.objects.get(pk=blog.published.pk)
    with assert_not_invalidates():
        client.get("/blog/night-trains/")
        client.get("/blog/night-trains/")
    after = Post.objects.get(pk=before.pk)
    assert (after.view_count, after.updated_at) == (2, before.updated_at)


def test_a_renamed_tag_makes_the_sidebar_stale(client: Client, blog: Blog) -> None:
    assert b"Trains</a>" in client.get("/about/").content
    blog.tag.name = "Railways"
    blog.tag.save()
    assert "blog.tag" in recorded().tags
    tagged.invalidate(recorded().tags)
    assert b"Railways</a>" in client.get("/about/").content


def test_a_renamed_author_makes_their_pages_stale_and_a_sign_in_does_not(client: Client, blog: Blog) -> None:
    with assert_not_invalidates():
        client.force_login(blog.author)
    blog.author.last_name = "Keller"
    with assert_invalidates(tags=[f"blog.author:{blog.author.pk}"], urls=["/blog/author/amara/"]):
        blog.author.save()


def test_a_post_shows_its_cached_summary_until_the_key_is_purged(client: Client, blog: Blog) -> None:
    assert b"<h1>Night trains</h1>" in client.get("/blog/night-trains/").content
    Post.objects.filter(pk=blog.published.pk).update(title="Slow trains")
    assert b"<h1>Night trains</h1>" in client.get("/blog/night-trains/").content
    assert client.get("/api/posts/night-trains/").json()["title"] == "Night trains"
    cache.delete(summary_key(blog.published))
    assert b"<h1>Slow trains</h1>" in client.get("/blog/night-trains/").content
    assert client.get("/api/posts/night-trains/").json()["title"] == "Slow trains"


LISTS = ["/", "/blog/", "/blog/?tag=trains", "/blog/category/travel/", "/blog/author/amara/", "/api/posts/"]


def deliver() -> None:
    """Purge the tags of every event from the cache."""
    tagged.invalidate(recorded().tags)


@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_read_from_the_database_once_and_again_after_a_change(
    client: Client, blog: Blog, path: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert b"Night trains" in client.get(path).content
    with django_assert_num_queries(0):
        assert b"Night trains" in client.get(path).content
    post = Post.objects.get(pk=blog.published.pk)
    post.title = "Slow trains"
    post.save()
    deliver()
    assert b"Slow trains" in client.get(path).content


def test_a_renamed_category_or_author_is_shown_on_every_list(client: Client, blog: Blog) -> None:
    before = {path: client.get(path).content for path in LISTS[:-1]}
    assert all(b"Travel" in page and b"Amara Okafor" in page for page in before.values())
    blog.category.name, blog.author.last_name = "Journeys", "Keller"
    blog.category.save()
    blog.author.save()
    deliver()
    after = {path: client.get(path).content for path in before}
    assert all(b"Journeys" in page and b"Amara Keller" in page for page in after.values())


def test_many_posts_written_at_once_are_named_without_a_query_for_each(blog: Blog) -> None:
    def update() -> int:
        with CaptureQueriesContext(connection) as queries:
            Post.objects.filter(status="published").update(excerpt="new")
        return len(queries)

    one = update()
    shared = {"category": blog.category, "author": blog.author, "status": Post.Status.PUBLISHED}
    Post.objects.bulk_create(Post(title=f"{n}", slug=f"{n}", **shared) for n in range(5))
    assert update() == one


@pytest.mark.parametrize("relation", ["groups", "user_permissions"])
def test_what_an_author_may_do_is_on_no_page(blog: Blog, relation: str) -> None:
    granted = Group.objects.create(name="editors") if relation == "groups" else Permission.objects.first()
    with assert_not_invalidates():
        for user in (blog.author, User.objects.get(pk=blog.author.pk)):
            getattr(user, relation).add(granted)
            getattr(user, relation).clear()


def test_a_scheduled_post_appears_and_expires_by_the_clock_alone(client: Client, blog: Blog) -> None:
    post = Post.objects.get(pk=blog.published.pk)
    now = timezone.now()
    post.published_at, post.expires_at = now + timedelta(hours=1), now + timedelta(hours=2)
    post.save()
    deliver()
    assert client.get("/blog/night-trains/").status_code == 404
    assert b"Night trains" not in client.get("/blog/").content
    for published_at, expires_at, seen in (
        (now - timedelta(hours=1), now + timedelta(hours=1), True),
        (now - timedelta(hours=2), now - timedelta(hours=1), False),
    ):
        Event.objects.all().delete()
        # As if so much time had passed, for the row and for what is scheduled.
        ScheduledEvent.objects.order_by("due_at").filter(pk=ScheduledEvent.objects.order_by("due_at")[0].pk).update(
            due_at=now - timedelta(seconds=1)
        )
        models.QuerySet(Post).filter(pk=post.pk).update(published_at=published_at, expires_at=expires_at)
        assert instants.fire("default") == 1
        assert {"/blog/night-trains/", "/blog/", "/sitemap.xml"} <= recorded().urls
        deliver()
        assert (client.get("/blog/night-trains/").status_code == 200) is seen
        assert (b"Night trains" in client.get("/blog/").content) is seen


def test_no_list_outlives_the_next_publication(client: Client, blog: Blog) -> None:
    post = Post.objects.get(pk=blog.draft.pk)
    post.status, post.published_at = Post.Status.PUBLISHED, timezone.now() + timedelta(seconds=90)
    post.save()
    for path in LISTS:
        response = client.get(path)
        assert cacheable.longest_seconds(response) <= 90, path
