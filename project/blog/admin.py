"""The blog's editorial desk."""

from __future__ import annotations

from django.contrib import admin

from invalidation.admin.mixin import PurgeAdminMixin
from project.blog.models import Category, Post, Tag


@admin.register(Post)
class PostAdmin(PurgeAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    """Posts, with everything about them editable except what the site counts itself."""

    list_display = ("title", "status", "category", "author", "published_at", "view_count")
    list_filter = ("status", "category", "author", "tags")
    list_select_related = ("category", "author")
    search_fields = ("title", "excerpt", "slug")
    date_hierarchy = "published_at"
    prepopulated_fields = {"slug": ("title",)}
    filter_horizontal = ("tags",)
    readonly_fields = ("view_count", "updated_at")


@admin.register(Category, Tag)
class NameAdmin(PurgeAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    """Categories and tags: a name and a slug."""

    list_display = ("name", "slug")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
