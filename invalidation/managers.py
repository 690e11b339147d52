"""A manager whose bulk writes invalidate: one event per statement, written with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Generic, TypeVar

from django.db import models

from invalidation.emission import evaluation, instants, registry, uploads
from invalidation.emission.emit import collecting, emit
from invalidation.emission.evaluation import Olds
from invalidation.emission.relations import ThroughRules
from invalidation.emission.rows import history
from invalidation.emission.rows.columns import attribute_names
from invalidation.emission.rows.conflicts import conflicting
from invalidation.emission.rules import model_tag
from invalidation.targets.values import Targets, union

ModelType = TypeVar("ModelType", bound=models.Model)

#: Rows that are held in memory at once while the rules are asked about a bulk write.
ROWS_PER_READ = 1000


class InvalidatingQuerySet(models.QuerySet[ModelType], Generic[ModelType]):
    """A QuerySet that emits for `update`, `bulk_create`, `bulk_update` and `delete`, async forms included.

    Each is one transaction with one insert into the outbox. Queries beside it: `update` reads the rows before and
    after (2 per 1000 rows; `bulk_update` the same per part), `bulk_create` reads nothing, or twice where it updates
    conflicting rows, `delete` reads nothing that Django doesn't. An event grows to 5000 targets, then another begins.
    """

    def update(self, **kwargs: Any) -> int:
        """As Django's; the rows' old and new state become one event."""
        if not self._is_public(kwargs):
            return super().update(**kwargs)
        self._for_write = True
        with collecting(self.db):
            keys, olds = self._emit_before(kwargs)
            # The condition stands beside the keys: a row that no longer meets it stays as it is.
            rows = self.filter(pk__in=keys) if len(keys) <= ROWS_PER_READ else self
            count = super(InvalidatingQuerySet, rows).update(**kwargs)
            self._emit_rows(keys if count else (), olds, kwargs)
        return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(  # noqa: PLR0917 (Django's signature)
        self,
        objs: Iterable[ModelType],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[ModelType]:
        """As Django's; all the rows become one event."""
        rows = list(objs)
        create = partial(
            super().bulk_create, rows, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields
        )
        if not registry.rules_for(self.model):
            return create()
        self._for_write = True
        with collecting(self.db):
            olds = self._emit_conflicting(rows, unique_fields or ()) if update_conflicts else {}
            created = create()
            self._emit_created(created, olds, stored_otherwise=update_conflicts)
        return created

    def bulk_update(self, objs: Iterable[ModelType], fields: Iterable[str], *args: Any, **kwargs: Any) -> int:
        """As Django's; the rows' old and new state become one event."""
        self._for_write = True
        given, names = list(objs), list(fields)
        with collecting(self.db):  # Django calls update() once per part, which emits into this collection
            count = super().bulk_update(given, names, *args, **kwargs)
        if registry.rules_for(self.model):
            for row in given:
                history.refreshed(row, names)
        return count

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        """As Django's; the rows, and those that cascade, become one event."""
        self._for_write = True
        with collecting(self.db):
            return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _is_public(self, names: Iterable[str]) -> bool:
        """Does a write to these fields show anywhere? A name that isn't a column (`pk`) counts as shown."""
        public = registry.public_columns(self.model)
        return bool(public) and any(
            not (columns := attribute_names(self.model, [name])) or columns & public for name in names
        )

    def _emit(self, targets: Targets) -> None:
        emit(targets, using=self.db, manner=evaluation.manner_of(registry.rules_for(self.model)))

    def _emit_targets(self, rows: Sequence[models.Model], fields: Collection[str] | None) -> None:
        """`fields` are those that the statement writes; None means all."""
        files = uploads.written_targets(rows, self.model, fields)
        self._emit(evaluation.row_targets(rows, self.model, self.db) | files)

    def _stored(self) -> models.QuerySet[ModelType]:
        """All rows of the model, whatever the default manager hides; Django's own QuerySet."""
        return models.QuerySet(self.model, using=self.db)

    def _emit_after(self, rows: Sequence[models.Model], olds: Olds, fields: Collection[str] | None = None) -> None:
        self._emit_targets(rows, fields)
        instants.follow(rows, self.model, self.db)
        if compared := evaluation.compared_rows(olds, rows, self.model, self.db):
            self._emit(compared)

    def _emit_before(self, fields: Collection[str]) -> tuple[list[Any], Olds]:
        """Emit for the rows as they are, a part at a time, and return their keys; the rows, for rules that compare."""
        keys: list[Any] = []
        olds: Olds = {}
        rows = self._stored().filter(pk__in=self.order_by().values("pk"))
        first = list(rows[: ROWS_PER_READ + 1])
        for part in _parts(first if len(first) <= ROWS_PER_READ else rows.iterator(chunk_size=ROWS_PER_READ)):
            keys += [row.pk for row in part]
            self._emit_targets(part, fields)
            _keep(olds, evaluation.comparable(part, self.model, self.db))
        return keys, olds

    def _emit_rows(self, keys: Collection[Any], olds: Olds, fields: Collection[str] | None = None) -> None:
        for part in _parts(keys):
            self._emit_after(list(self._stored().filter(pk__in=part)), olds, fields)

    def _emit_conflicting(self, rows: Iterable[models.Model], unique_fields: Iterable[str]) -> Olds:
        """Emit for the stored rows that are about to be overwritten, as they are."""
        olds: Olds = {}
        for part in _parts(rows):
            stored = list(self._stored().filter(conflicting(self.model, part, list(unique_fields))))
            self._emit_targets(stored, None)
            _keep(olds, evaluation.comparable(stored, self.model, self.db))
        return olds

    def _emit_keyless(self, rows: Sequence[models.Model]) -> None:
        """Emit for rows whose key the database kept to itself (ignored conflicts): found by what is unique in them."""
        joining = [rules for rules in registry.rules_for(self.model) if isinstance(rules, ThroughRules)]
        self._emit(union(evaluation.targets_of(rules, row) for rules in joining for row in rows))
        for part in _parts(rows):
            self._emit_after(list(self._stored().filter(conflicting(self.model, part))), {})

    def _emit_created(self, rows: Sequence[models.Model], olds: Olds, *, stored_otherwise: bool) -> None:
        """All of them are in the lists."""
        if rows:
            tags = [model_tag(rules.model) for rules in registry.rules_for(self.model)]
            self._emit(Targets.of(tags=tags))
        keyed = [row for row in rows if row.pk is not None]
        self._emit_keyless([row for row in rows if row.pk is None])
        if stored_otherwise or any(map(history.has_expressions, keyed)):
            self._emit_rows([row.pk for row in keyed], olds)
        else:
            for part in _parts(keyed):
                self._emit_after(part, olds)
        for row in keyed:
            history.remember(row)


def _keep(olds: Olds, more: Olds) -> None:
    for rules, rows in more.items():
        olds.setdefault(rules, {}).update(rows)


def _parts(items: Iterable[Any]) -> Iterator[list[Any]]:
    """Lists of at most ROWS_PER_READ items."""
    remaining = iter(items)
    while part := list(islice(remaining, ROWS_PER_READ)):
        yield part


class InvalidatingManager(models.Manager.from_queryset(InvalidatingQuerySet), Generic[ModelType]):  # type: ignore[misc]
    """The manager form: `objects = InvalidatingManager()`."""
