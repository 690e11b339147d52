"""Fills the blog with posts that are the same on every machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from django.utils.text import slugify

import invalidation
from project.blog.models import Author, Category, Post, Tag
from project.blog.sample_text import AUTHORS, TAGS, Draft, drafts

#: Fixed, so that a seeded blog has the same pages on every day.
NEWEST_AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
BETWEEN_POSTS = timedelta(hours=19)
DRAFT_EVERY = 12

Named = TypeVar("Named", Category, Tag)


class Command(BaseCommand):
    """Create what is missing of the sample blog; existing rows are left as they are."""

    help = (
        "Fill the blog with sample posts. Nothing is purged for them, so run it before caches are filled. "
        "Creates a superuser where ADMIN_USERNAME and ADMIN_PASSWORD are set."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """How many posts."""
        parser.add_argument("--posts", type=int, default=300, help="Number of posts the blog shall have.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create it all in one transaction, without an event per row."""
        with invalidation.suspend(reason="seed"), transaction.atomic():
            created = seed(options["posts"])
            administrator = create_administrator(settings.ADMIN_USERNAME, settings.ADMIN_PASSWORD)
        self.stdout.write(f"{created} posts created.")
        if administrator:
            self.stdout.write(f"{administrator} may sign in to the admin.")


def seed(count: int) -> int:
    """Create those of the first `count` posts that are missing; returns how many."""
    authors, categories, tags = create_authors(), create_named(Category, TAGS), create_named(Tag, chain(*TAGS.values()))
    existing = set(Post.objects.values_list("slug", flat=True))
    missing = {number: text for number, text in enumerate(drafts(count)) if text.slug not in existing}
    posts = Post.objects.bulk_create(
        post(number, text, categories[text.category], authors[text.author]) for number, text in missing.items()
    )
    relate(zip(posts, missing.values(), strict=True), tags)
    return len(posts)


def post(number: int, text: Draft, category: Category, author: Author) -> Post:
    """The unsaved post `number`, counted from the newest."""
    return Post(
        slug=text.slug,
        title=text.title,
        excerpt=text.excerpt,
        body=text.body,
        category=category,
        author=author,
        status=Post.Status.PUBLISHED if number % DRAFT_EVERY else Post.Status.DRAFT,
        published_at=NEWEST_AT - number * BETWEEN_POSTS,
    )


def relate(written: Iterable[tuple[Post, Draft]], tags: Mapping[str, Tag]) -> None:
    """Give the new posts their tags, in one statement."""
    through = Post.tags.through
    through._default_manager.bulk_create(
        through(post_id=post.pk, tag_id=tags[name].pk) for post, text in written for name in text.tags
    )


def create_named(model: type[Named], names: Iterable[str]) -> dict[str, Named]:
    """Categories or tags by name."""
    return {
        name: model._default_manager.get_or_create(slug=slugify(name), defaults={"name": name})[0] for name in names
    }


def create_authors() -> dict[str, Author]:
    """Authors by username; they can't sign in."""
    return {username: create_author(username, *name.split(" ", 1)) for username, name in AUTHORS.items()}


def create_author(username: str, first_name: str, last_name: str) -> Author:
    """One author."""
    names = {"first_name": first_name, "last_name": last_name, "password": make_password(None)}
    author: Author = Author.objects.get_or_create(username=username, defaults=names)[0]
    return author


def create_administrator(username: str, password: str) -> str:
    """The superuser with this password, where both are given; returns the name."""
    if not (username and password):
        return ""
    administrator, _ = User.objects.get_or_create(username=username)
    administrator.is_staff = administrator.is_superuser = True
    administrator.set_password(password)
    administrator.save()
    return username
