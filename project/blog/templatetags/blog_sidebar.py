"""The sidebar with all categories and tags, kept as a template fragment."""

from __future__ import annotations

from typing import Any

from django import template

from invalidation.http import add_cache_tags
from project.blog.models import Category, Tag

register = template.Library()


@register.inclusion_tag("blog/sidebar.html", takes_context=True)
def sidebar(context: dict[str, Any]) -> dict[str, Any]:
    """Tag the page with what the sidebar shows; the queries run when the fragment is not cached."""
    add_cache_tags(context["request"], "blog.category", "blog.tag")
    return {"categories": Category.objects.all(), "tags": Tag.objects.all()}
