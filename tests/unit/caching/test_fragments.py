"""Template fragments: by tag with `{% taggedcache %}`, by name with Django's `{% cache %}`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from django.core.cache import cache
from django.core.cache.utils import make_template_fragment_key
from django.template import Context, Template, TemplateSyntaxError
from django.test import RequestFactory
from pytest_django import Settings

from invalidation.caching import fragment_key, fresh_start, tagged
from invalidation.http import tags_of
from invalidation.providers.redis import Redis as CacheTier
from invalidation.targets.values import CacheKey

TOP_TAGS = '{% load invalidation %}{% taggedcache 300 "top_tags" tags="blog.tag" %}{{ value }}{% endtaggedcache %}'


@pytest.fixture(autouse=True)
def _empty_cache(shared_cache: None) -> None:
    """On a Redis."""


def render(source: str, **context: Any) -> str:
    """As each request would."""
    with fresh_start():
        return Template(source).render(Context(context))


def test_a_fragment_is_kept_until_its_tag_is_invalidated() -> None:
    assert [render(TOP_TAGS, value=number) for number in (1, 2)] == ["1", "1"]
    CacheTier("cache", "", {}).purge_tags(["blog.tag"])
    assert [render(TOP_TAGS, value=number) for number in (3, 4)] == ["3", "3"]


def test_a_fragment_has_a_version_for_each_value_that_it_varies_on() -> None:
    source = TOP_TAGS.replace('"top_tags"', '"top_tags" language "fixed"')
    assert render(source, value=1, language="en") == "1"
    assert render(source, value=2, language="de") == "2"
    assert render(source, value=3, language="en") == "1"


def test_tags_may_be_a_list_of_the_context_and_the_alias_another(settings: Settings) -> None:
    settings.CACHES = settings.CACHES | {"other": settings.CACHES["default"] | {"KEY_PREFIX": "other"}}
    source = TOP_TAGS.replace('tags="blog.tag"', 'tags=names using="other"')
    assert render(source, value=1, names=["a", "b"]) == "1"
    tagged.invalidate("b")
    assert render(source, value=2, names=["a", "b"]) == "1"
    CacheTier("cache", "", {"CACHES": ["other"]}).purge_tags(["b"])
    assert render(source, value=3, names=["a", "b"]) == "3"


def test_a_page_with_a_fragment_carries_its_tags_also_when_it_comes_from_the_cache() -> None:
    for _ in range(2):
        request = RequestFactory().get("/")
        render(TOP_TAGS, value=1, request=request)
        assert tags_of(request) == {"blog.tag"}


def test_an_empty_fragment_is_a_fragment() -> None:
    assert [render(TOP_TAGS, value=value) for value in ("", "late")] == ["", ""]


@pytest.mark.parametrize("arguments", ["300", '300 "name"', '"name" tags="a"', '300 "name" tags="a" other="b"'])
def test_a_misspelt_tag_says_how_to_write_it(arguments: str, settings: Settings) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "PAGES": {"AUTOMATIC_TAGS": False}}
    with pytest.raises(TemplateSyntaxError, match="SECONDS NAME"):
        Template(f"{{% load invalidation %}}{{% taggedcache {arguments} %}}{{% endtaggedcache %}}")


def naive_invalidate_list() -> None:
    """The textbook's: it deletes the variants that it can name, the first page in the default order, and no more."""
    for page, order in [(1, ""), (1, "newest")]:
        cache.delete(make_template_fragment_key("list", [page, order]))


@pytest.mark.parametrize(
    ("invalidate", "left"),
    [(naive_invalidate_list, {"old", "new"}), (lambda: tagged.invalidate("blog.tag"), {"new"})],
    ids=["the naive version", "one tag"],
)
def test_f22_every_variant_of_a_list_ends_with_one_tag_and_the_naive_version_misses_some(
    invalidate: Callable[[], None], left: set[str]
) -> None:
    source = TOP_TAGS.replace('"top_tags"', '"list" page order')
    variants = list(product(range(1, 6), ["", "newest", "title"]))
    for page, order in variants:
        render(source, value="old", page=page, order=order)
    invalidate()
    assert {render(source, value="new", page=page, order=order) for page, order in variants} == left


def test_a_fragment_of_django_s_own_is_purged_by_its_name_and_what_it_varies_on() -> None:
    source = "{% load cache %}{% cache 300 sidebar language %}{{ value }}{% endcache %}"
    assert [render(source, value=number, language="en") for number in (1, 2)] == ["1", "1"]
    CacheTier("cache", "", {}).purge_keys([fragment_key("sidebar", ["en"])])
    assert render(source, value=3, language="en") == "3"


def test_the_key_names_the_alias_that_django_uses(settings: Settings) -> None:
    key = fragment_key("sidebar").key
    assert fragment_key("sidebar") == CacheKey(key)
    assert fragment_key("sidebar", using="other") == CacheKey(key, "other")
    settings.CACHES = settings.CACHES | {"template_fragments": settings.CACHES["default"]}
    assert fragment_key("sidebar") == CacheKey(key, "template_fragments")
