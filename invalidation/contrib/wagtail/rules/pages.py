"""Rules for pages: a change of one is stale at its addresses, old and new, where it is listed and where it is named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from invalidation.contrib.wagtail import addresses, names
from invalidation.contrib.wagtail.installed import concrete, has_redirects, manager_names
from invalidation.contrib.wagtail.rules import redirects
from invalidation.emission.rules import Rules, model_tag, object_tag
from invalidation.targets.values import Targets

#: What readers see of a page elsewhere: in menus, breadcrumbs and links.
NAMED = ("title", "slug", "url_path", "live", "show_in_menus", "locale_id", "content_type_id")
#: What only editors see. `path` and `numchild` are treebeard's: a page that changes places keeps its `url_path`, or is
#: saved with a new one.
EDITORS_ONLY = (
    *("path", "depth", "numchild", "draft_title", "latest_revision", "latest_revision_created_at", "live_revision"),
    *("has_unpublished_changes", "go_live_at", "expire_at", "expired", "locked", "locked_at", "locked_by", "owner"),
)


class PageRules(Rules):
    """A live page of any type: drafts are silent.

    Registered for the model of all pages, so that one row is asked once, whatever type it is of. Subclass it to add
    what only the site knows, and give that to `register_pages`.
    """

    ignore = EDITORS_ONLY

    @property
    def managers(self) -> list[str]:  # type: ignore[override]  # a constant of the other rules
        """Wagtail moves the addresses of a whole subtree by one `update`."""
        return manager_names(self.model)

    @property
    def related(self) -> list[str]:  # type: ignore[override]
        """Redirects that lead to the page."""
        return ["redirect_set"] if has_redirects() else []

    def when(self, page: Any) -> bool:
        """Is it published?"""
        return bool(page.live)

    def tags(self, page: Any) -> Iterable[str]:
        """Of the page as what it is, and of the page that lists it."""
        return page_tags(page)

    def urls(self, page: Any) -> Iterable[str]:
        """Its own, and that of the page above it, for caches that know no tags."""
        above = names.above(page.url_path)
        return addresses.of_page(page) | (addresses.of_place(above[-1]) if above else set())

    def changed(self, old: Any, new: Any) -> Targets | None:
        """Where it is named, if that is another name or address now, or none."""
        if old and new and all(getattr(old, name, None) == getattr(new, name, None) for name in NAMED):
            return None
        seen = [page for page in (old, new) if page and page.live]
        return Targets.of(tags=_named(seen), prefixes=_redirected(old, new) if has_redirects() else ())


def page_tags(page: Any) -> Iterator[str]:
    """Tags of a change of this page, besides those of its name: what shows the page, and what lists it."""
    for model in concrete(page.specific_class or type(page)):
        yield model_tag(model)
        yield object_tag(model, page.pk)
    if above := names.above(page.url_path):
        yield names.children_tag(above[-1])


def _named(pages: Iterable[Any]) -> Iterator[str]:
    for page in pages:
        yield names.name_tag(page.url_path)
        yield names.translations_tag(page.translation_key)
        if getattr(page, "show_in_menus", False):
            yield names.MENU


def _redirected(old: Any, new: Any) -> set[str]:
    """Prefixes of what redirects answer, or answered, because the page is where it was not before, or no longer is.

    Their answers carry no tags, and have copies for every query. For a subtree that moves these are two in the end.
    """
    places = [addresses.of_page(page) if page and page.live else set() for page in (old, new)]
    if old and new and old.live and new.live:
        taken = places[0] ^ places[1]
    else:
        taken = {url for url in places[1] if redirects.answers(url)}
    leading = {prefix for redirect in (new or old).redirect_set.all() for prefix in redirects.prefixes(redirect)}
    return leading | {url.partition("?")[0].rstrip("/") or "/" for url in taken}
