"""The changes that the demo makes, each with the pages that it makes stale. Needs a configured Django, for reading."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from deploy.local.forms import Admin
from deploy.local.processes import ServiceFailed
from deploy.local.stack import Stack
from deploy.local.tiers import Entry, Look, Page
from project.blog.models import Post, Tag
from project.blog.queries import summary_key

MISSING = Look(status=404)
#: Later than every sample post, so that the post leads every list.
PUBLISHED_ON = "2026-11-02"
#: How long before its publication a post is scheduled: time to warm every tier.
AHEAD = timedelta(seconds=12)


def wait_until(instant: datetime) -> None:
    """The clock makes the change."""
    time.sleep(max(0.0, (instant - timezone.now()).total_seconds()))


def nothing() -> None:
    """No change."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change, the copies that it makes stale, and what happens behind the application's back before it."""

    title: str
    change: Callable[[], object]
    pages: tuple[Page, ...]
    entry: Entry | None = None
    behind: Callable[[], None] = nothing
    lasts_seconds: float = 0.0
    """Longest that the change itself takes."""


class Story:
    """One post from publication to deletion. Every edit goes through the admin's own forms, over HTTP."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.admin = Admin(stack.admin_url, stack.username, stack.password)
        self.slug = f"demonstration-{secrets.token_hex(4)}"
        self.title = f"First title {self.slug}"
        self.pk = 0

    def steps(self) -> Iterator[Step]:
        """One after the other; each starts from what the one before has left."""
        yield self.publication()
        self.pk = Post.objects.values_list("pk", flat=True).get(slug=self.slug)
        yield self.edit()
        yield self.tagging()
        yield self.renaming()
        yield self.manual_purge()
        yield self.command_purge()
        yield self.removal("unpublish", lambda: self.save(status=Post.Status.DRAFT))
        yield self.scheduling()
        yield self.removal("delete", lambda: self.admin.submit(f"blog/post/{self.pk}/delete/", {}))

    def scheduling(self) -> Step:
        """Published by the clock alone: at its address nothing was, and then it is there, and on the list."""
        published_at = timezone.now() + AHEAD
        local = timezone.localtime(published_at)
        self.save(status=Post.Status.PUBLISHED, published_at_0=f"{local:%Y-%m-%d}", published_at_1=f"{local:%H:%M:%S}")
        pages = (
            Page(self.path, MISSING, Look(shows=self.title)),
            Page("/blog/", Look(hides=self.path), Look(shows=self.path)),
        )
        return Step(
            "scheduled publication", lambda: wait_until(published_at), pages, lasts_seconds=AHEAD.total_seconds()
        )

    @property
    def path(self) -> str:
        """The post's page."""
        return f"/blog/{self.slug}/"

    @property
    def now(self) -> tuple[str, str]:
        """The post's title and page."""
        return self.title, self.path

    def save(self, **changes: str | list[str]) -> None:
        """Edit the post in the admin."""
        values = {name: [value] if isinstance(value, str) else value for name, value in changes.items()}
        self.admin.submit(f"blog/post/{self.pk}/change/", values)

    def publication(self) -> Step:
        """A new post: on the list, and at an address where nothing was."""
        sample = Post.objects.filter(status=Post.Status.PUBLISHED).first()
        if sample is None:
            raise ServiceFailed("The blog is empty; seed_blog should have filled it.")
        values = {
            "title": [self.title],
            "slug": [self.slug],
            "excerpt": ["What a reader sees, and when."],
            "body": ["First body."],
            "category": [str(sample.category_id)],
            "author": [str(sample.author_id)],
            "status": [Post.Status.PUBLISHED.value],
            "published_at_0": [PUBLISHED_ON],
        }
        pages = (
            Page(self.path, MISSING, Look(shows=self.title)),
            Page("/blog/", Look(hides=self.title), Look(shows=self.title)),
        )
        return Step("publish", lambda: self.admin.submit("blog/post/add/", values), pages)

    def edit(self) -> Step:
        """A new title: on the post's page, on the list, in the cached summary."""
        old, self.title = self.title, f"Second title {self.slug}"
        looks = Look(shows=old, hides=self.title), Look(shows=self.title, hides=old)
        pages = (Page(self.path, *looks), Page("/blog/", *looks))
        return Step("edit", lambda: self.save(title=self.title), pages, self.entry((old, self.path), self.now))

    def tagging(self) -> Step:
        """One more tag: on the post's document, and on the list of that tag."""
        tag = Tag.objects.exclude(posts=self.pk).order_by("pk")[0]
        pages = (
            Page(f"/api/posts/{self.slug}/", Look(hides=f'"{tag.slug}"'), Look(shows=f'"{tag.slug}"')),
            Page(tag.get_absolute_url(), Look(hides=self.title), Look(shows=self.title)),
        )
        return Step("add a tag", lambda: self.save(tags=[str(tag.pk)]), pages, self.entry(self.now, self.now))

    def renaming(self) -> Step:
        """A new slug: the old address is gone, the new one is there, the list leads to it."""
        before, old_path = self.now, self.path
        self.slug = f"renamed-{self.slug}"
        pages = (
            Page(old_path, Look(shows=self.title), MISSING),
            Page(self.path, MISSING, Look(shows=self.title)),
            Page("/blog/", Look(shows=f'"{old_path}"'), Look(shows=f'"{self.path}"')),
        )
        return Step("change the slug", lambda: self.save(slug=self.slug), pages, self.entry(before, self.now))

    def manual_purge(self) -> Step:
        """A title changed in the database by hand, which Django can't notice; an operator purges in the admin."""
        old, self.title = self.title, "Title by hand"
        page = Page(self.path, Look(shows=old), Look(shows=self.title))
        form = {"tags": [f"blog.post:{self.pk}"], "keys": [self.key], "reason": ["Changed in the database by hand"]}
        return Step(
            "manual purge in the admin",
            lambda: self.admin.submit("invalidation/event/purge/", form, button="confirm"),
            (page,),
            self.entry((old, self.path), self.now),
            behind=lambda: self.write("title", "Title by hand"),
        )

    def command_purge(self) -> Step:
        """A body changed in the database by hand; an operator purges the page on the command line."""
        page = Page(self.path, Look(shows="First body."), Look(shows="Body by hand."))
        return Step(
            "manage.py purge --url",
            self.purge_url,
            (page,),
            behind=lambda: self.write("body", "Body by hand."),
        )

    def unwatched(self, edits: int) -> Iterator[Step]:
        """Edits of an older post's title."""
        post = Post.objects.filter(status=Post.Status.PUBLISHED).order_by("pk")[0]
        path, old = post.get_absolute_url(), post.title
        for number in range(edits):
            title = f"Unwatched title {number} {secrets.token_hex(4)}"
            page = Page(path, Look(shows=old), Look(shows=title, hides=old))
            change = partial(self.admin.submit, f"blog/post/{post.pk}/change/", {"title": [title]})
            entry = Entry(cache.make_key(summary_key(post)), old, title, path, path)
            yield Step("unwatched edit", change, (page,), entry)
            old = title

    def removal(self, title: str, change: Callable[[], object]) -> Step:
        """The post disappears: its page, its place on the list, its summary."""
        pages = (
            Page(self.path, Look(shows=self.title), MISSING),
            Page("/blog/", Look(shows=self.path), Look(hides=self.path)),
        )
        return Step(title, change, pages, self.entry(self.now, ("", "")))

    def purge_url(self) -> None:
        """Run the command, which waits for the purge's end and says by its status how it went."""
        result = self.stack.manage("purge", "--url", self.path, "--wait", "10")
        if result.returncode:
            raise ServiceFailed(f"manage.py purge ended with {result.returncode}:\n{result.stdout}{result.stderr}")

    @property
    def key(self) -> str:
        """The post's summary in the Django cache."""
        return summary_key(Post(pk=self.pk))

    def entry(self, before: tuple[str, str], after: tuple[str, str]) -> Entry:
        """The summary as Redis holds it: its text, and the path of the page that fills it."""
        return Entry(cache.make_key(self.key), before[0], after[0], before[1], after[1])

    def write(self, column: str, value: str) -> None:
        """Change the row as somebody at the database's own prompt would."""
        name = connection.ops.quote_name(column)
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE blog_post SET {name} = %s WHERE id = %s", [value, self.pk])  # noqa: S608 - our own names
