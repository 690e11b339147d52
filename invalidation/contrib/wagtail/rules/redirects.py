"""Rules for redirects: the address that one answers is stale when it is written, changed or deleted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Q
from django.utils.encoding import iri_to_uri

from invalidation.contrib.wagtail import addresses
from invalidation.contrib.wagtail.installed import manager_names
from invalidation.emission.rules import Rules


class RedirectRules(Rules):
    """Wagtail writes them by hand and, in bulk, by itself, for pages whose addresses change."""

    related = ["site"]

    @property
    def managers(self) -> list[str]:  # type: ignore[override]
        """Those written by Wagtail itself come in bulk."""
        return manager_names(self.model)

    def urls(self, redirect: Any) -> Iterable[str]:
        """What it answers if that is one query alone, with and without a slash before it."""
        path, mark, query = _split(redirect)
        return _on_its_site(redirect, {f"{path or '/'}?{query}", f"{path}/?{query}"}) if mark else ()

    def prefixes(self, redirect: Any) -> Iterable[str]:
        """What it answers otherwise."""
        return prefixes(redirect)


def prefixes(redirect: Any) -> set[str]:
    """A redirect answers whatever query is appended, and its answers carry no tags: all that begins so is stale."""
    path, mark, _ = _split(redirect)
    return set() if mark else _on_its_site(redirect, {path or "/"})


def answers(url: str) -> bool:
    """Is there a redirect from this address, with some query perhaps?"""
    from wagtail.contrib.redirects.models import Redirect

    path = Redirect.normalise_path(urlsplit(url).path)
    return bool(Redirect.objects.filter(Q(old_path=path) | Q(old_path__startswith=f"{path}?")).exists())


def _split(redirect: Any) -> tuple[str, str, str]:
    """Path without the slash at its end: Wagtail takes both for the same. Then "?" and a query, if it has one."""
    path, mark, query = iri_to_uri(redirect.old_path).partition("?")
    return path.rstrip("/"), mark, query


def _on_its_site(redirect: Any, paths: set[str]) -> set[str]:
    """On its site, or on every one."""
    if redirect.site_id is None:
        return paths
    return {url for path in paths for url in addresses.on_site(redirect.site.root_url, path)}
