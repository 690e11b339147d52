"""Rows of every kind, each ready to be written: the columns of the table of what is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from asgiref.sync import async_to_sync
from django.db.models import Model

from tests.fixtures.library import kinds


@dataclass(frozen=True, slots=True)
class Stage:
    """A stored row, another beside it, and a manager that writes their model."""

    row: Any
    spare: Any
    manager: Any
    """The model's default manager, or the related manager that `row` is in and `spare` is not."""
    values: dict[str, Any]
    """What a new row needs beside its slug."""
    alias: str = "default"
    is_async: bool = False

    @property
    def model(self) -> type[Model]:
        return type(self.row)

    @property
    def everything(self) -> Any:
        """A QuerySet of the same manager, on the database of the stage."""
        return self.manager.using(self.alias)

    def new(self, slug: str = "new") -> Any:
        """A row that isn't stored yet."""
        return self.model(slug=slug, **self.values) if hasattr(self.row, "slug") else self.model(**self.values)

    def do(self, target: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call the method, or its asynchronous form."""
        if not self.is_async:
            return getattr(target, name)(*args, **kwargs)
        method = getattr(target, f"a{name}")

        async def call() -> Any:
            return await method(*args, **kwargs)

        return async_to_sync(call)()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of row, and how one comes to be."""

    name: str
    prepare: Callable[[], Stage]
    related: bool = False
    """Is the manager one of a relation?"""


def _rows(model: Any, alias: str = "default", **values: Any) -> tuple[Any, Any]:
    stored = [model(slug=slug, **values) for slug in ("row", "spare")]
    for row in stored:
        row.save(using=alias)
    row, spare = (model._base_manager.using(alias).get(slug=slug) for slug in ("row", "spare"))
    return row, spare


def _alone(model: Any, alias: str = "default", **values: Any) -> Stage:
    return Stage(*_rows(model, alias, **values), model.objects, values, alias)


def _pair() -> Stage:
    row, spare = (kinds.Pair.objects.create(slug=slug, room=1, number=n) for n, slug in enumerate(("row", "spare")))
    return Stage(row, spare, kinds.Pair.objects, {"room": 2, "number": 7})


def _parent() -> Stage:
    """A parent row that is a child too."""
    _rows(kinds.Child)
    row, spare = (kinds.Parent.objects.get(slug=slug) for slug in ("row", "spare"))
    return Stage(row, spare, kinds.Parent.objects, {})


def _joint() -> Stage:
    (left, other), (right, further) = _rows(kinds.Left), _rows(kinds.Right)
    row, spare = (kinds.Joint.objects.create(left=left, right=end) for end in (right, further))
    return Stage(row, spare, kinds.Joint.objects, {"left": other, "right": right})


def _far(stage: Stage, end: Any, name: str) -> Stage:
    """Of the rows that a related manager at `end` holds."""
    manager = getattr(end, name)
    manager.add(stage.row)
    return replace(stage, manager=manager, row=stage.model._base_manager.get(pk=stage.row.pk))


def _held(stage: Stage, name: str, model: Any) -> Stage:
    """Of the row at whose end the manager is: its relation is not empty."""
    getattr(stage.row, name).add(_rows(model)[0])
    return replace(stage, row=stage.model._base_manager.get(pk=stage.row.pk))


def _first(model: Any) -> Any:
    return _rows(model)[0]


def _self(name: str) -> Stage:
    end = kinds.Node.objects.create(slug="end")
    return _far(_alone(kinds.Node), end, name)


KINDS = (
    Kind("plain", lambda: _alone(kinds.Plain)),
    Kind("proxy", lambda: _alone(kinds.Proxied)),
    Kind("multi-table parent", _parent),
    Kind("multi-table child", lambda: _alone(kinds.Child)),
    Kind("UUID key", lambda: _alone(kinds.Token)),
    Kind("composite key", _pair),
    Kind("generated columns", lambda: _alone(kinds.Computed)),
    Kind("manager of its own", lambda: _alone(kinds.Veiled)),
    Kind("manager of others", lambda: _alone(kinds.Foreign)),
    Kind("manager in `Rules.managers`", lambda: _alone(kinds.Adopted)),
    Kind("second database", lambda: _alone(kinds.Plain, "other")),
    Kind("explicit join row", _joint),
    Kind("has `SET_NULL` children", lambda: _held(_alone(kinds.Owner), "owned", kinds.Owned)),
    Kind("has generic children", lambda: _held(_alone(kinds.Remarked), "remarks", kinds.Remark)),
    Kind("end of an automatic join", lambda: _held(_alone(kinds.Member), "groups", kinds.Group)),
    Kind("far end of an automatic join", lambda: _held(_alone(kinds.Group), "members", kinds.Member)),
    Kind("end of an explicit join", lambda: _held(_alone(kinds.Left), "rights", kinds.Right)),
    Kind("`owner.owned`", lambda: _far(_alone(kinds.Owned), _first(kinds.Owner), "owned"), True),
    Kind("`node.children`", lambda: _self("children"), True),
    Kind("`node.friends`", lambda: _self("friends"), True),
    Kind("`member.groups`", lambda: _far(_alone(kinds.Group), _first(kinds.Member), "groups"), True),
    Kind("`group.members`", lambda: _far(_alone(kinds.Member), _first(kinds.Group), "members"), True),
    Kind("`left.rights`, explicit", lambda: _far(_alone(kinds.Right), _first(kinds.Left), "rights"), True),
    Kind("`remarked.remarks`", lambda: _far(_alone(kinds.Remark), _first(kinds.Remarked), "remarks"), True),
)
