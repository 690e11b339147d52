"""Rules for what makes pages and documents private: nothing that a cache holds of them may be served any longer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from invalidation.contrib.wagtail import addresses
from invalidation.contrib.wagtail.installed import page_model
from invalidation.emission.rules import Rules, object_tag


class PageRestrictionRules(Rules):
    """Holds for a page and all below it, and for the aliases of the page."""

    related = ["page"]

    def prefixes(self, restriction: Any) -> Iterable[str]:
        """Where these pages are."""
        pages = _with_aliases(restriction.page)
        return {url.partition("?")[0] for page in pages for url in addresses.of_page(page)}


def _with_aliases(page: Any) -> Iterator[Any]:
    """The page, its aliases, and theirs."""
    wanted, seen = [page], set()
    while wanted:
        one = wanted.pop()
        if one.pk not in seen:
            seen.add(one.pk)
            yield one
            wanted += page_model()._base_manager.filter(alias_of=one.pk)


class CollectionRules(Rules):
    """Documents carry the tags of the collections that they are in; treebeard moves one without a signal."""

    moves = ["move"]


class CollectionRestrictionRules(Rules):
    """Holds for the documents of a collection and of those below it, which carry its tag."""

    def tags(self, restriction: Any) -> Iterable[str]:
        """Of the collection."""
        from wagtail.models import Collection

        return [object_tag(Collection, restriction.collection_id)]
