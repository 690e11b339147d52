"""Names the blog to Django."""

from __future__ import annotations

from django.apps import AppConfig


class BlogConfig(AppConfig):
    """The blog."""

    name = "project.blog"
    label = "blog"
    verbose_name = "Blog"
