"""Rules for what pages show: snippets, images, documents, and what holds for whole sites."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Model
from django.urls import NoReverseMatch, reverse

from invalidation.contrib.wagtail import usage
from invalidation.contrib.wagtail.installed import concrete, manager_names
from invalidation.emission import evaluation
from invalidation.emission.rules import Rules, object_tag
from invalidation.targets.values import Targets

#: What readers may see of a row that can be a draft.
PUBLISHED = ("live", "first_published_at", "last_published_at")


def drafting(model: type[Model]) -> list[str]:
    """Columns that Wagtail's own base classes of drafts give the model."""
    from wagtail.models import DraftStateMixin, LockableMixin, RevisionMixin

    mixins: list[Any] = [mixin for mixin in (RevisionMixin, DraftStateMixin, LockableMixin) if issubclass(model, mixin)]
    return [field.name for mixin in mixins for field in mixin._meta.fields]


class SnippetRules(Rules):
    """A row that pages show: those that do, as Wagtail's reference index knows them, are stale with it."""

    @property
    def ignore(self) -> list[str]:  # type: ignore[override]  # a constant of the other rules
        """What only editors see: revisions, schedules and locks, where the model has them."""
        return [name for name in drafting(self.model) if name not in PUBLISHED]

    @property
    def managers(self) -> list[str]:  # type: ignore[override]
        """Whatever the model has."""
        return manager_names(self.model)

    def when(self, row: Any) -> bool:
        """Is it published? Models without drafts always are."""
        return bool(getattr(row, "live", True))

    def tags(self, row: Any) -> Iterable[str]:
        """As what it is, and of what shows it."""
        yield from (object_tag(model, row.pk) for model in concrete(type(row)))
        yield from usage.tags_of_usage(row)


class ImageRules(SnippetRules):
    """Also stale at the address of its file, where that is replaced or deleted."""

    ignore = ["file_hash", "file_size", "uploaded_by_user"]


class DocumentRules(ImageRules):
    """Served by a view of Wagtail at an address of its own, beside that of the file."""

    def urls(self, document: Any) -> Iterable[str]:
        """That of the view."""
        return [document.url] if document.file else []


class RenditionRules(Rules):
    """An image as pages show it: made while one is rendered, which is no change, and deleted when the image is."""

    ignore = ("file", "width", "height")

    def default_targets(self, instance: Model) -> Targets:
        """Pages carry the image's tag."""
        return Targets()

    def targets(self, instance: Any) -> Targets:
        """None: only its end is of interest."""
        return Targets()

    def changed(self, old: Any, new: Any) -> Targets | None:
        """The address of the file that is no longer it, and where Wagtail's view serves it if the site has that."""
        if old is None or not old.file or (new is not None and old.file.name == new.file.name):
            return None
        return evaluation.addresses([old.file.url]) | Targets.of(prefixes=_served_at(old))


def _served_at(rendition: Any) -> list[str]:
    """Whatever name of a file is appended: the signature alone counts."""
    from wagtail.images.utils import generate_signature

    key, spec = rendition.image_id, rendition.filter_spec
    try:
        return [reverse("wagtailimages_serve", args=(generate_signature(key, spec), key, spec))]
    except NoReverseMatch:
        return []


class SitewideRules(Rules):
    """What stands on every page of every site: settings, languages, the sites themselves."""

    @property
    def managers(self) -> list[str]:  # type: ignore[override]
        """Whatever the model has."""
        return manager_names(self.model)

    def prefixes(self, row: Any) -> Iterable[str]:
        """Everything on all of them."""
        return ["/"]
