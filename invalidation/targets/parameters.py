"""Which query parameters make another page: those that are declared, one value each, in one order. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured

#: What the proxies' configurations can hold without quoting.
NAME_PATTERN = re.compile(r"[A-Za-z0-9_.\[\]-]+")
UNQUOTABLE_PATTERN = re.compile(r"[\s\"{};]")


@dataclass(frozen=True, slots=True, repr=False)
class Parameters:
    """Regular expressions for the path, the first that matches counts, each with the names that it declares.

    Without any, every parameter makes a page of its own, and anybody can make as many as he likes.
    """

    declared: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __repr__(self) -> str:
        return repr(dict(self.declared))

    @classmethod
    def of(cls, declared: Any) -> Parameters:
        """Of the setting: names for each pattern, or a list of names for the whole site.

        Raises:
            ImproperlyConfigured: a pattern or a name can't be used.
        """
        if isinstance(declared, Mapping):
            return cls(tuple((_pattern(pattern), _names(names)) for pattern, names in declared.items()))
        return cls((("^/", _names(declared)),))

    def canonical(self, target: str) -> str:
        """The target without parameters that nobody declared, as the shipped proxies rewrite it.

        A path that no pattern names stays as it is: what is asked there is nobody's page to share.
        """
        path, mark, query = target.partition("?")
        names = self._names_for(path) if mark and self.declared else None
        if names is None:
            return target
        kept = "&".join(f"{name}={value}" for name, value in _values(query, names))
        return f"{path}?{kept}" if kept else path

    def know(self, target: str) -> bool:
        """May the page under this target be kept for long?"""
        path, mark, _ = target.partition("?")
        if not mark or not self.declared:
            return True
        return self._names_for(path) is not None and self.canonical(target) == target

    def _names_for(self, path: str) -> tuple[str, ...] | None:
        return next((names for pattern, names in self.declared if re.search(pattern, path)), None)


def _values(query: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The first value of each name, as it was sent; an empty one counts as none."""
    pairs = [part.partition("=") for part in query.split("&")]
    for name in names:
        if value := next((value for own, _, value in pairs if own == name and value), ""):
            yield name, value


def _pattern(pattern: Any) -> str:
    try:
        re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ImproperlyConfigured(f"INVALIDATION['PAGES']['QUERY_PARAMETERS'] holds no pattern: {error}") from error
    if UNQUOTABLE_PATTERN.search(pattern):
        raise ImproperlyConfigured(
            f"INVALIDATION['PAGES']['QUERY_PARAMETERS']: the proxies can't be given {pattern!r}."
        )
    return str(pattern)


def _names(names: Any) -> tuple[str, ...]:
    if not isinstance(names, list | tuple) or not all(isinstance(n, str) and NAME_PATTERN.fullmatch(n) for n in names):
        raise ImproperlyConfigured(f"INVALIDATION['PAGES']['QUERY_PARAMETERS'] takes lists of names, not {names!r}.")
    return tuple(sorted(names))
