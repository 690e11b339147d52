"""What is imported when it is first used, so that no process pays at its start for what it never needs."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any


class Logger:
    """A logger of structlog, which takes a start several times as long to import as Django takes to begin."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        """Of the logger as structlog is configured at this moment."""
        import structlog

        return getattr(structlog.get_logger(self._name), method)


def call(path: str) -> Callable[..., Any]:
    """The function at `path`, a module and a name in it, imported by its first call."""

    def called(*arguments: Any, **options: Any) -> Any:
        return _found(path)(*arguments, **options)

    called.__qualname__ = path  # logs name it
    return called


def attributes(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package that gives names from its modules: `homes` says which from which."""

    def found(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    return found


@cache
def _found(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)
