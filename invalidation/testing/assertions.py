"""`recorded` and the assertions made of it: blocks of a test, sync or async, that see what is invalidated inside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections
from django.db.models import Max
from django.test.testcases import DatabaseOperationForbidden  # type: ignore[attr-defined]  # django-stubs forgot it

from invalidation import conf
from invalidation.exceptions import InvalidTarget
from invalidation.models import Event, ScheduledEvent
from invalidation.targets.values import CacheKey, Targets
from invalidation.testing import hooks
from invalidation.testing.offline import offline
from invalidation.testing.recording import Recording, described

Judge = Callable[[Recording], None]


class Block:
    """`with` or `async with`: offline; on-commit hooks run at its end; then the outbox is read and judged."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def __enter__(self) -> Recording:
        self._offline = ExitStack()
        self._offline.enter_context(offline())
        self._recording = Recording()
        self._outboxes = [alias for alias in conf.settings().databases if _is_allowed(alias)]
        self._hooks = {alias: len(connections[alias].run_on_commit) for alias in connections}
        self._newest = {
            (alias, model): _newest(alias, model) for alias in self._outboxes for model in (Event, ScheduledEvent)
        }
        return self._recording

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._offline:
            if kind is not None:
                return
            for alias, first in self._hooks.items():
                hooks.run(connections[alias], first)
            self._recording.events += self._since(Event)
            self._recording.scheduled += self._since(ScheduledEvent)
            self._judge(self._recording)

    async def __aenter__(self) -> Recording:
        return await sync_to_async(self.__enter__)()

    async def __aexit__(self, *raised: Any) -> None:
        await sync_to_async(self.__exit__)(*raised)

    def _since(self, model: Any) -> list[Any]:
        rows = []
        for alias in self._outboxes:
            rows += model.objects.using(alias).filter(pk__gt=self._newest[alias, model]).order_by("pk")
        return rows


def _is_allowed(alias: str) -> bool:
    """May the test use this database? Django's TestCase forbids those that it doesn't name."""
    try:
        _newest(alias, Event)
    except DatabaseOperationForbidden:
        return False
    return True


def _newest(alias: str, model: Any) -> int:
    return model.objects.using(alias).aggregate(newest=Max("pk"))["newest"] or 0


def recorded() -> Block:
    """A block whose `Recording` holds, once it has ended, what was invalidated inside."""
    return Block(lambda _: None)


def assert_invalidates(
    *,
    tags: Iterable[str] = (),
    urls: Iterable[str] = (),
    prefixes: Iterable[str] = (),
    keys: Iterable[str | CacheKey | Mapping[str, Any]] = (),
    everything: bool = False,
) -> Block:
    """A block that must invalidate all of these, by their names or by something wider; what else it does is allowed.

    Raises:
        InvalidTarget: none is named, or one can't be a target.
        AssertionError: at its end, with what is missing and what was recorded.
    """
    wanted = Targets.of(tags=tags, urls=urls, prefixes=prefixes, keys=keys, everything=everything)
    if not wanted:
        raise InvalidTarget("assert_invalidates() needs a target: tags, urls, prefixes, keys or everything.")

    def judge(recording: Recording) -> None:
        if missing := recording.missing(wanted):
            raise AssertionError(f"Not invalidated: {described(missing.document())}. Recorded:\n{recording}")

    return Block(judge)


def assert_not_invalidates(
    *,
    tags: Iterable[str] = (),
    urls: Iterable[str] = (),
    prefixes: Iterable[str] = (),
    keys: Iterable[str | CacheKey | Mapping[str, Any]] = (),
    everything: bool = False,
) -> Block:
    """A block that may invalidate none of these; without any it may invalidate nothing at all.

    Raises:
        AssertionError: at its end, with what was recorded.
    """
    wanted = Targets.of(tags=tags, urls=urls, prefixes=prefixes, keys=keys, everything=everything)

    def judge(recording: Recording) -> None:
        if not wanted and recording.events:
            raise AssertionError(f"Nothing was to be invalidated. Recorded:\n{recording}")
        if reached := recording.reached(wanted):
            raise AssertionError(f"Invalidated: {described(reached.document())}. Recorded:\n{recording}")

    return Block(judge)
