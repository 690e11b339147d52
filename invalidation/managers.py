"""A manager whose bulk writes invalidate: one event per statement, written with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from django.db import models

from invalidation.emission import receivers, registry
from invalidation.emission.emit import collecting, emit
from invalidation.emission.rules import Rules, model_tag
from invalidation.values import Targets, union

ModelType = TypeVar("ModelType", bound=models.Model)


class InvalidatingQuerySet(models.QuerySet[ModelType], Generic[ModelType]):
    """A QuerySet that emits for `update`, `bulk_create`, `bulk_update` and `delete`, async forms included.

    Extra queries per statement: `update` reads the keys, and the rows before and after it (3; `bulk_update`
    the same per part); `bulk_create` and `delete` need none of their own. Each adds one insert into the outbox.
    """

    def _public(self, names: Iterable[str]) -> bool:
        """Does a write to these fields show anywhere?"""
        written = receivers.attribute_names(self.model, names)
        return any(
            written - receivers.attribute_names(self.model, rules.ignore) for rules in registry.rules_for(self.model)
        )

    def _emit(self, instances: Iterable[models.Model], before: Targets) -> None:
        targets = before | union(map(receivers.targets_of, instances))
        lane = next((rules.lane for rules in registry.rules_for(self.model)), Rules.lane)
        emit(targets, using=self.db, lane=lane)

    def _rows(self, pks: Iterable[Any]) -> list[ModelType]:
        return list(self.model._base_manager.using(self.db).filter(pk__in=pks))

    def update(self, **kwargs: Any) -> int:
        """As Django's; the rows' old and new state become one event."""
        self._for_write = True
        if not self._public(kwargs):
            return super().update(**kwargs)
        with collecting(self.db):
            pks = list(self.values_list("pk", flat=True))
            before = union(map(receivers.targets_of, self._rows(pks)))
            count = super(InvalidatingQuerySet, self.filter(pk__in=pks)).update(**kwargs)
            if count:
                self._emit(self._rows(pks), before)
        return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[ModelType], *args: Any, **kwargs: Any) -> list[ModelType]:
        """As Django's; all the rows become one event."""
        self._for_write = True
        with collecting(self.db):
            created = super().bulk_create(objs, *args, **kwargs)
            lists = union(Targets.of(tags=[model_tag(rules.model)]) for rules in registry.rules_for(self.model))
            self._emit((row for row in created if row.pk is not None), lists if created else Targets())
        return created

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        """As Django's; the rows' old and new state become one event."""
        self._for_write = True
        with collecting(self.db):  # Django calls update() once per part, which emits into this collection
            return super().bulk_update(*args, **kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        """As Django's; the rows, and those that cascade, become one event."""
        self._for_write = True
        with collecting(self.db):
            return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


class InvalidatingManager(models.Manager.from_queryset(InvalidatingQuerySet), Generic[ModelType]):  # type: ignore[misc]
    """The manager form: `objects = InvalidatingManager()`."""
