"""Which tags a response carries: collected on the request while it is rendered."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast

from django.http import HttpRequest

from invalidation.http.wrapped import asked, plain
from invalidation.targets.values import checked_tag, is_tag
from invalidation.tracking import outcome
from invalidation.tracking.collector import Readings

#: Attribute of a request that holds its tags.
TAGS = "cache_tags"
#: Attribute of a request: what it read while it was rendered, where automatic tags are on.
READINGS = "_invalidation_readings"
View = TypeVar("View", bound=Callable[..., Any])


def add_cache_tags(request: HttpRequest, *tags: str) -> None:
    """Say that the response to `request`, Django's or one wrapped around it, shows what these tags stand for.

    What is no tag costs the page its long life in shared caches, and is named in the log as `unusable_tags`.
    """
    known: set[object] = plain(request).__dict__.setdefault(TAGS, set())
    known.update(tags)


def tags_of(request: HttpRequest, *, wide: bool = False) -> frozenset[str]:
    """The tags collected so far, by hand and automatically; of the latter, with `wide`, those of models alone."""
    readings = readings_of(request)
    if readings is None:
        return by_hand(request)
    return by_hand(request).union(outcome.wide_tags_of(readings) if wide else outcome.tags_of(readings))


def by_hand(request: HttpRequest) -> frozenset[str]:
    """Those that its code named."""
    return frozenset(filter(is_tag, plain(request).__dict__.get(TAGS, ())))


def readings_of(request: HttpRequest) -> Readings | None:
    """What the page read; None where nobody collects."""
    readings: Readings | None = plain(request).__dict__.get(READINGS)
    return readings


def remember_readings(request: HttpRequest, readings: Readings) -> None:
    """Where `tags_of` finds them."""
    plain(request).__dict__[READINGS] = readings


def untagged_in(request: HttpRequest) -> frozenset[str]:
    """What the page read that no tag stands for, in words."""
    readings = readings_of(request)
    return frozenset(outcome.untagged_in(readings)) if readings else frozenset()


def unusable_of(request: HttpRequest) -> list[str]:
    """What was collected and is no tag, as Python would write it."""
    return sorted(repr(tag) for tag in plain(request).__dict__.get(TAGS, ()) if not is_tag(tag))


def cache_tags(*tags: str) -> Callable[[View], View]:
    """Decorate a view, sync or async, or a method of one, whose every response carries these tags.

    Raises:
        InvalidTarget: one of them is not a tag.
    """
    checked = tuple(map(checked_tag, tags))

    def decorate(view: View) -> View:
        @wraps(view)
        def tagged(*args: Any, **kwargs: Any) -> Any:
            add_cache_tags(asked(args, kwargs), *checked)
            return view(*args, **kwargs)

        @wraps(view)
        async def tagged_async(*args: Any, **kwargs: Any) -> Any:
            add_cache_tags(asked(args, kwargs), *checked)
            return await view(*args, **kwargs)

        return cast("View", tagged_async if iscoroutinefunction(view) else tagged)

    return decorate
