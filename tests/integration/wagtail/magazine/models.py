"""Articles in sections, with what an editor puts into them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.http import HttpRequest
from modelcluster.fields import ParentalKey
from wagtail.contrib.settings.models import BaseGenericSetting, register_setting
from wagtail.fields import RichTextField
from wagtail.models import DraftStateMixin, Orderable, Page, RevisionMixin
from wagtail.snippets.models import register_snippet

from invalidation.http import add_cache_tags


@register_snippet
class Author(DraftStateMixin, RevisionMixin, models.Model):
    name = models.CharField(max_length=100)
    portrait = models.ForeignKey(
        "wagtailimages.Image", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    def __str__(self) -> str:
        return self.name


@register_setting
class Masthead(BaseGenericSetting):
    motto = models.CharField(max_length=100, default="news")


class SectionPage(Page):
    """Lists its articles."""

    intro = models.CharField(max_length=100, blank=True)

    @property
    def articles(self) -> Any:
        return self.get_children().live().specific()


class HomePage(Page):
    """Lists the newest articles, wherever they are: only the page itself knows that."""

    @property
    def newest(self) -> Any:
        return ArticlePage.objects.live().order_by("-pk")[:50]

    def serve(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        add_cache_tags(request, "magazine.articlepage")
        return super().serve(request, *args, **kwargs)


class ArticlePage(Page):
    body = RichTextField(blank=True)
    author = models.ForeignKey(Author, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    picture = models.ForeignKey(
        "wagtailimages.Image", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    download = models.ForeignKey(
        "wagtaildocs.Document", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    def get_cached_paths(self) -> list[str]:
        return ["/", "/print/"]


class Reading(Orderable):
    """What to read next."""

    article = ParentalKey(ArticlePage, on_delete=models.CASCADE, related_name="readings")
    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="+")
