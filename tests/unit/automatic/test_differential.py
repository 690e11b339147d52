"""Pages without a tag written by hand: whatever a write changes of them, the tags of what they read meet its own.

`AUTOMATIC_WRITES=120 python -m pytest tests/unit/automatic/test_differential.py -k 18 -s` prints the numbers of
`docs/how-to/automatic-tags.md`.
"""

from __future__ import annotations

import os
import sys

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

import invalidation
from project.blog.models import Author, Category, Post, Tag
from tests.fixtures.grouped import grouped
from tests.unit.automatic import differential, reads
from tests.unit.automatic.differential import Tally
from tests.unit.automatic.writes import BlogWrites, LibraryWrites, filled

WRITES = int(os.environ.get("AUTOMATIC_WRITES", "10"))
POSTS = 10
SEEDS = (18, 19, 20)
#: Share of the blog's pages that are reached without a change.
MOST_FOR_NOTHING = 0.65

pytestmark = [pytest.mark.django_db, pytest.mark.takes(20)]


@pytest.fixture(autouse=True)
def _automatic(settings: Settings, shared_cache: None) -> None:
    settings.INVALIDATION = grouped({**settings.INVALIDATION, "AUTOMATIC_TAGS": True})


def blog_paths() -> list[str]:
    """Every public address of the blog, as it is now."""
    slugs = list(Post.objects.values_list("slug", flat=True))
    return [
        "/",
        "/about/",
        "/sitemap.xml",
        "/blog/",
        "/blog/?page=2",
        "/api/posts/",
        *(f"/blog/?tag={slug}" for slug in Tag.objects.values_list("slug", flat=True)[:4]),
        *(f"/blog/category/{slug}/" for slug in Category.objects.values_list("slug", flat=True)),
        *(f"/blog/author/{name}/" for name in Author.objects.values_list("username", flat=True)),
        *(f"/blog/{slug}/" for slug in slugs),
        *(f"/api/posts/{slug}/" for slug in slugs[:3]),
    ]


def said(what: str, tally: Tally) -> None:
    """For who runs it with -s."""
    by_write = ", ".join(f"{write} {count}" for write, count in tally.needless.most_common(5))
    sys.stdout.write(f"\n{what}: {tally}\n  for nothing: {by_write}\n")


@pytest.mark.parametrize("seed", SEEDS)
def test_every_page_of_the_blog_that_a_write_changes_is_reached_by_what_it_read(client: Client, seed: int) -> None:
    call_command("seed_blog", posts=POSTS, verbosity=0)
    tally = differential.compare(client, blog_paths(), BlogWrites(seed)(WRITES))
    said("blog", tally)
    assert tally.changed > WRITES
    assert tally.missed == []
    assert tally.over_invalidation < MOST_FOR_NOTHING


@pytest.mark.parametrize("seed", SEEDS)
def test_every_way_to_read_through_the_orm_is_reached(client: Client, settings: Settings, seed: int) -> None:
    settings.ROOT_URLCONF = reads
    with invalidation.suspend(reason="fixture"):
        filled()
    paths = [f"/{name}/" for name in (*reads.READS, *reads.ASYNC_READS)]
    tally = differential.compare(client, paths, LibraryWrites(seed)(WRITES))
    said("library", tally)
    assert tally.changed > WRITES
    assert tally.missed == []
