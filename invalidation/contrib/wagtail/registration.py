"""`register_pages`: all of a Wagtail site's content is registered by one call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_save

from invalidation.contrib.wagtail import names
from invalidation.contrib.wagtail.installed import has_redirects, page_model
from invalidation.contrib.wagtail.rules.content import (
    DocumentRules,
    ImageRules,
    RenditionRules,
    SitewideRules,
    SnippetRules,
)
from invalidation.contrib.wagtail.rules.pages import PageRules
from invalidation.contrib.wagtail.rules.redirects import RedirectRules
from invalidation.contrib.wagtail.rules.restrictions import (
    CollectionRestrictionRules,
    CollectionRules,
    PageRestrictionRules,
)
from invalidation.emission import registry
from invalidation.emission.emit import emit
from invalidation.emission.rules import Rules
from invalidation.targets.values import Targets

#: What register_pages registers with which rules.
Registration = tuple[type[Model], type[Rules]]


def register_pages(rules: type[PageRules] = PageRules) -> None:
    """Register pages, snippets, images, documents, redirects, settings, sites and what makes some of them private.

    `rules` are those of pages. What the site has registered itself keeps the rules that it has.

    Raises:
        ImproperlyConfigured: Wagtail has not found its snippets yet, because it is loaded after `invalidation`.
    """
    _check_order()
    for model, its_rules in [(page_model(), rules), *_core(), *_media(), *_additions()]:
        if model not in registry.registered():
            registry.register(model, rules=its_rules)
    _listen()


def _check_order() -> None:
    """Snippets are known once the app of that name is ready; Django goes by the order of `INSTALLED_APPS`."""
    labels = list(apps.app_configs)
    if "wagtailsnippets" in labels[labels.index("invalidation") :]:
        raise ImproperlyConfigured(
            "register_pages() would miss the snippets: move 'invalidation' below 'wagtail.snippets' in INSTALLED_APPS."
        )


def _core() -> Iterator[Registration]:
    from wagtail import models

    yield models.Site, SitewideRules
    yield models.Locale, SitewideRules
    yield models.PageViewRestriction, PageRestrictionRules
    yield models.CollectionViewRestriction, CollectionRestrictionRules
    yield models.Collection, CollectionRules


def _media() -> Iterator[Registration]:
    if apps.is_installed("wagtail.images"):
        from wagtail.images import get_image_model

        yield get_image_model(), ImageRules
        yield get_image_model().get_rendition_model(), RenditionRules
    if apps.is_installed("wagtail.documents"):
        from wagtail.documents import get_document_model

        yield get_document_model(), DocumentRules


def _additions() -> Iterator[Registration]:
    if apps.is_installed("wagtail.snippets"):
        from wagtail.snippets.models import get_snippet_models

        yield from ((model, SnippetRules) for model in get_snippet_models())
    if apps.is_installed("wagtail.contrib.settings"):
        from wagtail.contrib.settings.registry import registry as site_settings

        yield from ((model, SitewideRules) for model in site_settings)
    if has_redirects():
        from wagtail.contrib.redirects.models import Redirect

        yield Redirect, RedirectRules


def _listen() -> None:
    """To what no write of a registered row tells."""
    from wagtail.models import Site
    from wagtail.signals import post_page_move

    post_page_move.connect(_on_move, dispatch_uid="invalidation.wagtail.move")
    for signal in (post_save, post_delete):
        signal.connect(_on_site, sender=Site, dispatch_uid="invalidation.wagtail.site")


def _on_move(instance: Any, url_path_before: str, url_path_after: str, **_: Any) -> None:
    """Pages that changed places below their parent: the menu has another order, and no column of theirs has changed."""
    if url_path_before == url_path_after and instance.live and getattr(instance, "show_in_menus", False):
        emit(Targets.of(tags=[names.MENU]), using=instance._state.db)


def _on_site(instance: Any, using: str, **_: Any) -> None:
    """Wagtail forgets the sites' addresses before the commit; who asks until then would remember the old ones."""
    transaction.on_commit(type(instance).clear_site_root_paths_cache, using=using, robust=True)
