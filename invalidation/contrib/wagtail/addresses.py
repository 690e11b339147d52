"""Where a page of Wagtail is visited: on which of the sites, in which languages, and what else it is served at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.utils import translation
from django.utils.encoding import iri_to_uri

from invalidation import conf
from invalidation.contrib.wagtail.installed import page_model


def of_page(page: Any) -> set[str]:
    """All addresses of the page in this state: of each site, in each language, with each of its cached paths."""
    specific = page.get_specific(deferred=True, copy_attrs=())  # the cached one may be of another state
    paths = [path.lstrip("/") for path in specific.get_cached_paths()]
    return {url + iri_to_uri(path) for url in _of(specific) for path in paths}


def of_place(url_path: str) -> set[str]:
    """Of whatever page stands there, as Wagtail forms addresses where no page type has ways of its own."""
    return set(_of(page_model()(url_path=url_path)))


def on_site(root_url: str, path: str) -> list[str]:
    """The path on the one of Wagtail's sites whose address is `root_url`, by the names that visitors use."""
    return _at(root_url, path, {root.root_url for root in _roots()} | {root_url})


def _roots() -> Sequence[Any]:
    from wagtail.models import Site

    return list(Site.get_site_root_paths())


def _of(page: Any) -> Iterator[str]:
    roots = _roots()
    root_urls = {root.root_url for root in roots}
    for root in roots:
        if page.url_path.startswith(root.root_path):
            for path in _paths(page, root):
                yield from _at(root.root_url, path, root_urls)


def _paths(page: Any, root: Any) -> set[str]:
    """Below one root, asked as if it were the only one. Several languages where addresses begin with one."""
    paths = set()
    for language in _languages():
        with translation.override(language) if language else nullcontext():
            parts = page.get_url_parts(request=SimpleNamespace(_wagtail_cached_site_root_paths=[root]))
        paths.add(parts[2] if parts else None)
    return {path for path in paths if path}


def _languages() -> list[str]:
    prefixed = django_settings.USE_I18N and is_language_prefix_patterns_used(django_settings.ROOT_URLCONF)[0]
    return [code for code, _ in django_settings.LANGUAGES] if prefixed else [""]


def _at(root_url: str, path: str, root_urls: Iterable[str]) -> list[str]:
    """The path by itself where there is one site: it answers to every name.

    Else on the origins in `SITES` that have the site's name, whatever Wagtail takes for scheme and port, and on those
    that are no site's: Wagtail's default site answers there. With neither, the address that Wagtail gives: the
    complaint about it says what to add to `SITES`.
    """
    names = {_name(known) for known in root_urls}
    if len(names) == 1:
        return [path]
    own = _name(root_url)
    origins = [site for site in conf.settings().sites if _name(site) == own or _name(site) not in names]
    return [origin + path for origin in origins or [root_url]]


def _name(url: str) -> str:
    return urlsplit(url).hostname or ""
