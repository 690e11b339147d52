"""What shows a row, and what a page shows, as Wagtail knows it: foreign keys, choosers in blocks, links in texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q

from invalidation.contrib.wagtail.installed import page_model
from invalidation.contrib.wagtail.rules.pages import page_tags
from invalidation.emission import registry
from invalidation.emission.rules import object_tag

#: A row as the reference index names it: its base model's content type, and its key as text.
Reference: TypeAlias = tuple[int, str]
#: A picture in a snippet in a snippet: further than this nobody is followed.
DEEPEST = 5


def tags_of_usage(row: Any) -> Iterator[str]:
    """Tags of what shows this row, directly or in another row that is shown. One query a step, one for the pages."""
    pages: set[str] = set()
    page_type = _type_of(page_model())
    for kind, key in _showing(row, page_type):
        if kind == page_type:
            pages.add(key)
        elif model := _model(kind):
            yield object_tag(model, key)
    for page in page_model()._base_manager.filter(pk__in=pages, live=True):
        yield from page_tags(page)


def _showing(row: Any, page_type: int) -> Iterator[Reference]:
    """Every row that refers to this one; pages are ends, for whoever refers to one carries its tag."""
    from wagtail.models import ReferenceIndex

    seen: set[Reference] = set()
    rows = ReferenceIndex.get_references_to(row)
    for _ in range(DEEPEST):
        found = set(rows.values_list("base_content_type_id", "object_id")) - seen
        yield from found
        seen |= found
        further = [one for one in found if one[0] != page_type]
        if not further:
            return
        rows = ReferenceIndex.objects.filter(_to(further))


def _to(references: Iterable[Reference]) -> Q:
    by_kind: dict[int, list[str]] = {}
    for kind, key in references:
        by_kind.setdefault(kind, []).append(key)
    condition = Q()
    for kind, keys in by_kind.items():
        condition |= Q(to_content_type_id=kind, to_object_id__in=keys)
    return condition


def tags_of_references(page: Any) -> set[str]:
    """Tags of the rows that this page refers to, if a change of them is seen. Costs the page's child relations."""
    return {
        object_tag(model, key)
        for kind, key in _references(page)
        if (model := _model(kind)) is not None and registry.rules_for(model)
    }


def _references(page: Any) -> Iterable[Reference]:
    """From the page itself where Wagtail can do that: the index may lag behind, by a task that has not run yet."""
    from wagtail.models import ReferenceIndex

    extract = getattr(ReferenceIndex, "_extract_references_from_object", None)
    if extract:
        return {(found[0], found[1]) for found in extract(page)}
    rows = ReferenceIndex.get_references_for_object(page)
    return set(rows.values_list("to_content_type_id", "to_object_id"))


def _type_of(model: type[Model]) -> int:
    return ContentType.objects.get_for_model(model, for_concrete_model=False).pk


def _model(kind: int) -> type[Model] | None:
    """None for one that was removed, and of which rows are still referred to."""
    try:
        return ContentType.objects.get_for_id(kind).model_class()
    except ContentType.DoesNotExist:
        return None
