"""The sidebar with all categories and tags, kept as a template fragment."""

from __future__ import annotations

from typing import Any

from django import template

from project.blog.models import Category, Tag

register = template.Library()


@register.inclusion_tag("blog/sidebar.html", takes_context=True)
def sidebar(context: dict[str, Any]) -> dict[str, Any]:
    """The queries run when the fragment is not cached; it remembers what they read, and tags the page."""
    return {"request": context["request"], "categories": Category.objects.all(), "tags": Tag.objects.all()}
