"""The sample blog: the same everywhere, quick, and silent towards the caches."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from pytest_django import Settings

from invalidation.models import Event
from project.blog.models import Category, Post, Tag
from project.blog.sample_text import drafts


def test_the_same_number_gives_the_same_posts() -> None:
    assert drafts(40) == drafts(60)[:40]
    assert len({text.slug for text in drafts(500)}) == 500


@pytest.mark.django_db
def test_a_few_hundred_posts_are_made_without_an_event() -> None:
    call_command("seed_blog", posts=300, verbosity=0)
    assert (Post.objects.count(), Category.objects.count(), Tag.objects.count(), User.objects.count()) == (
        300,
        6,
        25,
        6,
    )
    assert 250 < Post.objects.filter(status=Post.Status.PUBLISHED).count() < 300
    assert not Post.objects.filter(tags=None).exists()
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_a_second_run_adds_only_what_is_missing() -> None:
    call_command("seed_blog", posts=10)
    Post.objects.update(title="Edited")
    call_command("seed_blog", posts=12)
    assert Post.objects.count() == 12
    assert Post.objects.filter(title="Edited").count() == 10


@pytest.mark.django_db
def test_the_administrator_of_the_environment_can_sign_in(settings: Settings) -> None:
    settings.ADMIN_USERNAME, settings.ADMIN_PASSWORD = "editor", "correct horse"
    call_command("seed_blog", posts=1)
    editor = User.objects.get(username="editor")
    assert editor.is_superuser
    assert editor.check_password("correct horse")
