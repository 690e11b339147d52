"""Rules: what an instance of a registered model makes stale."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.db.models.manager import BaseManager

from invalidation.emission.rows import history
from invalidation.emission.rows.columns import attribute_names
from invalidation.exceptions import InvalidTarget
from invalidation.targets.values import TAG_PATTERN, CacheKey, Manner, Mode, Targets, checked_tag

FOREIGN_CHARACTERS = re.compile(r"[^a-z0-9_.:-]")


def model_tag(model: type[Model]) -> str:
    """`blog.post` for the model Post of the app blog."""
    return model._meta.label_lower


def object_tag(model: type[Model], pk: Any) -> str:
    """`blog.post:42`. A key outside the tag alphabet is replaced by a digest, so that two never share a tag."""
    tag = f"{model_tag(model)}:{pk}"
    if TAG_PATTERN.fullmatch(tag):
        return tag
    return f"{model_tag(model)}:h-{hashlib.blake2s(str(pk).encode(), digest_size=16).hexdigest()}"


def part_tag(model: type[Model], column: str, value: Any) -> str:
    """`blog.post.category_id:3` for the rows of Post that have this value in a column."""
    tag = f"{model_tag(model)}.{column}:{value}"
    if TAG_PATTERN.fullmatch(tag):
        return tag
    return f"{model_tag(model)}.{column}:h-{hashlib.blake2s(str(value).encode(), digest_size=16).hexdigest()}"


class Rules:
    """What changes of one model invalidate; subclass to add to the defaults.

    The defaults are the model tag, the object tag and `get_absolute_url()`. Every method receives an instance
    in its old or its new state and must not change it.
    """

    track: ClassVar[Sequence[str] | None] = None
    """Fields whose old values are invalidated too; None means every field."""

    ignore: ClassVar[Sequence[str]] = ()
    """Fields that no cached copy shows: a write to these alone emits nothing."""

    lists_by: ClassVar[Sequence[str]] = ()
    """Columns by whose values the model is listed (`["category"]`): with automatic tags a list of one value gets a tag
    of its own instead of the model's; a write emits that of the value which the row had, and of the one it has."""

    related: ClassVar[Sequence[str]] = ()
    """Relations that the methods follow (`["author"]`): loaded for all rows of a bulk write at once."""

    lane: ClassVar[str] = "editorial"
    """Lane of the events."""

    mode: ClassVar[str | None] = None
    """What their purges mean by going: `delete`, `invalidate` or `refresh`, as for `invalidate()`; None for what
    `BACKLOG["MODES"]` says of the lane, else `delete`."""

    before: ClassVar[Sequence[str]] = ()
    """Methods asked before the write, because it changes what they query: `["get_absolute_url"]` where that is a query
    over a tree. Each is asked once more by every save."""

    moves: ClassVar[Sequence[str]] = ()
    """Methods of the model that change its row without a signal (`["move"]` of django-treebeard), or of its managers
    that do so with the row they are given (`["move_node"]` of django-mptt): asked around each."""

    managers: ClassVar[Sequence[str]] = ()
    """Managers of a package's model (`["objects"]`) whose bulk writes are to be seen though nobody can change them."""

    def __init__(self, model: type[Model]) -> None:
        checked_tag(model_tag(model))  # at registration: a change could no longer do without it
        self.model = model
        self._check_manner()
        self._refuse("lists_by", {name for name in self.lists_by if not attribute_names(model, [name])})
        self._refuse("before", set(self.before) - {method for method, _, _ in self.methods()})
        self._refuse("managers", {n for n in self.managers if not isinstance(getattr(model, n, None), BaseManager)})
        movers = [model, *model._meta.managers]
        self._refuse("moves", {name for name in self.moves if not any(hasattr(mover, name) for mover in movers)})

    def _check_manner(self) -> None:
        try:
            Manner(self.lane, Mode.DELETE if self.mode is None else self.mode).check()
        except InvalidTarget as error:
            raise ImproperlyConfigured(f"{type(self).__name__}: {error}") from error

    @property
    def manner(self) -> Manner:
        """The lane and the mode of the events."""
        from invalidation import conf  # read by the first change, not by every process that starts

        return conf.settings().manner(self.lane, self.mode)

    def _refuse(self, what: str, unknown: set[str]) -> None:
        if unknown:
            owner = "the rules have" if what == "before" else f"{self.model.__name__} has"
            raise ImproperlyConfigured(f"{type(self).__name__}.{what} names {sorted(unknown)}, which {owner} not.")

    def when(self, instance: Any) -> bool:
        """Is this state visible to the public? Asked for the old and for the new state."""
        return True

    def tags(self, instance: Any) -> Iterable[str]:
        """Tags besides the model tag and the object tag."""
        return ()

    def urls(self, instance: Any) -> Iterable[str]:
        """Paths or absolute URLs besides `get_absolute_url()`."""
        return ()

    def prefixes(self, instance: Any) -> Iterable[str]:
        """Paths or absolute URLs below which everything is stale."""
        return ()

    def keys(self, instance: Any) -> Iterable[str | CacheKey]:
        """Keys of Django caches."""
        return ()

    def derived_urls(self, file: Any) -> Iterable[str]:
        """Addresses of what is made of a file of the row (thumbnails): asked where the file is replaced or deleted."""
        return ()

    def changed(self, old: Any, new: Any) -> Targets | None:
        """Further targets, from the state before a write and the one after it; None for nothing.

        `old` is None for a row that was created, `new` for one that was deleted. Not asked where `when` says no to
        both, nor for relations, which are no part of the row.
        """
        return None

    def changes_at(self, instance: Any) -> Iterable[datetime | None]:
        """Instants at which what the public sees of the row changes by itself (publication, expiry); None is none.

        Those to come are stored with the row's change; at each the row's targets are purged, whatever `when` says.
        """
        return ()

    @property
    def is_timed(self) -> bool:
        """Does it name instants?"""
        return type(self).changes_at is not Rules.changes_at

    @property
    def compares(self) -> bool:
        """Does it need the old and the new state together?"""
        return type(self).changed is not Rules.changed

    def default_targets(self, instance: Model) -> Targets:
        """The model tag and the object tag: all that is known without looking at the instance's relations."""
        key = self.model._meta.pk.attname  # a multi-table child may have a primary key of its own
        targets = self.key_targets(getattr(instance, key))
        if not self.lists_by:
            return targets
        columns = attribute_names(self.model, self.lists_by)
        return targets | Targets(frozenset(part_tag(self.model, name, getattr(instance, name)) for name in columns))

    def key_targets(self, key: Any) -> Targets:
        """The model tag and the object tag of the row with this primary key."""
        return Targets(frozenset((model_tag(self.model), object_tag(self.model, key))))

    def _own_urls(self, instance: Any) -> set[str]:
        """A row may have two pages: as what it is, and as the parent or the concrete model that was registered."""
        addresses = {self._own_url(instance)}
        if type(instance) is not self.model:  # a method that asks for its class is to find the one that it is of
            addresses.add(self._own_url(history.seen_as(self.model, instance)))
        return {url for url in addresses if url}

    @staticmethod
    def _own_url(instance: Any) -> Any:
        return instance.get_absolute_url() if hasattr(instance, "get_absolute_url") else None

    def methods(self) -> list[tuple[str, str, Callable[[Any], Iterable[Any]]]]:
        """What a rule is asked for: name of the method, kind of target, the method."""
        return [
            ("tags", "tags", self.tags),
            ("get_absolute_url", "urls", self._own_urls),
            ("urls", "urls", self.urls),
            ("prefixes", "prefixes", self.prefixes),
            ("keys", "keys", self.keys),
        ]

    def targets(self, instance: Any) -> Targets:
        """Everything that this state of the instance makes stale; empty if `when` says no.

        Raises:
            InvalidTarget: a method gave a tag, URL, prefix or key that can't be purged.
        """
        if not self.when(instance):
            return Targets()
        return self.default_targets(instance) | Targets.of(
            tags=self.tags(instance),
            urls=[*self._own_urls(instance), *self.urls(instance)],
            prefixes=self.prefixes(instance),
            keys=self.keys(instance),
        )
