"""Which tags a response carries: collected on the request while it is rendered."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast

from django.http import HttpRequest

from invalidation.http.wrapped import asked, plain
from invalidation.targets.values import checked_tag, is_tag

#: Attribute of a request that holds its tags.
TAGS = "cache_tags"
View = TypeVar("View", bound=Callable[..., Any])


def add_cache_tags(request: HttpRequest, *tags: str) -> None:
    """Say that the response to `request`, Django's or one wrapped around it, shows what these tags stand for.

    What is no tag costs the page its long life in shared caches, and is named in the log as `unusable_tags`.
    """
    known: set[object] = plain(request).__dict__.setdefault(TAGS, set())
    known.update(tags)


def tags_of(request: HttpRequest) -> frozenset[str]:
    """The tags collected so far."""
    return frozenset(filter(is_tag, plain(request).__dict__.get(TAGS, ())))


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
