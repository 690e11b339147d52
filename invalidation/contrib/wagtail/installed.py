"""What of Wagtail the site has installed. Its models can be imported only once Django has loaded all apps."""

from __future__ import annotations

from typing import Any, TypeAlias

from django.apps import apps
from django.db.models import Model

AnyModel: TypeAlias = type[Model]


def page_model() -> Any:
    """The model at the root of all page types; a site may have swapped it."""
    from wagtail.models import Site

    return Site._meta.get_field("root_page").related_model


def has_redirects() -> bool:
    """Are editors able to write redirects?"""
    return apps.is_installed("wagtail.contrib.redirects")


def concrete(model: AnyModel) -> list[AnyModel]:
    """The model and its multi-table parents: each is a table that a page may have been made of."""
    own: Any = model._meta.concrete_model
    return [own, *own._meta.get_parent_list()]


def manager_names(model: AnyModel) -> list[str]:
    """All of its managers."""
    return [manager.name for manager in model._meta.managers]
