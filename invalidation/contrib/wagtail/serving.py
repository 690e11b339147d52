"""Tags of pages and documents while they are served: by these a change finds every copy, whatever its address."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from invalidation import lazy
from invalidation.contrib.wagtail import names, usage
from invalidation.contrib.wagtail.installed import page_model
from invalidation.emission.rules import object_tag
from invalidation.http import add_cache_tags

logger = lazy.Logger(__name__)

#: Stands for tags that could not be found; is none itself, so that caches keep the page for a short time only.
UNKNOWN = "what the page refers to is not known"


def tag_page(page: Any, request: HttpRequest, *_: Any) -> None:
    """Hook `before_serve_page`. A page is served, whatever the hook finds in it."""
    add_cache_tags(request, *_own(page))
    try:
        add_cache_tags(request, *usage.tags_of_references(page))
    except Exception:
        logger.exception("page_references_unknown", page=page.pk)
        add_cache_tags(request, UNKNOWN)


def _own(page: Any) -> set[str]:
    return {
        object_tag(page_model(), page.pk),
        names.children_tag(page.url_path),
        names.translations_tag(page.translation_key),
        names.MENU,
        *map(names.name_tag, names.above(page.url_path)),
    }


def tag_document(document: Any, request: HttpRequest) -> None:
    """Hook `before_serve_document`. A collection may become private, with all below it."""
    collections = document.collection.get_ancestors(inclusive=True)
    add_cache_tags(request, object_tag(type(document), document.pk))
    add_cache_tags(request, *(object_tag(type(one), one.pk) for one in collections))
