"""What is imported when it is first used, so that no process pays at its start for what it never needs."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from invalidation import context


class Logger:
    """Writes where the site's own lines go: through structlog where the site has configured that, else `logging`.

    Neither is imported for it: structlog takes a start several times as long to import as Django takes to begin.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        """Of the logger as the site has it at this moment."""
        structlog = sys.modules.get("structlog")
        if structlog is not None and structlog.is_configured():
            return getattr(structlog.get_logger(self._name), method)
        return getattr(_Plain(logging.getLogger(self._name)), method)


class _Plain:
    """What the app uses of structlog's logger, as lines of `logging`; `record.facts` holds the values."""

    __slots__ = ("_logger", "debug", "error", "exception", "info", "warning")

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self.debug, self.info = partial(self.log, logging.DEBUG), partial(self.log, logging.INFO)
        self.warning, self.error = partial(self.log, logging.WARNING), partial(self.log, logging.ERROR)
        self.exception = partial(self.log, logging.ERROR, exc_info=True)

    def log(self, level: int, event: str, *, exc_info: Any = None, **facts: Any) -> None:
        """`event name='value' …`, under the name of whoever logs, with the id of the change that it is about."""
        if self._logger.isEnabledFor(level):
            if (followed := context.correlation_id()) and "correlation_id" not in facts:
                facts["correlation_id"] = followed
            line = " ".join([event, *(f"{name}={value!r}" for name, value in facts.items())])
            self._logger.log(level, "%s", line, exc_info=exc_info, extra={"facts": facts}, stacklevel=2)


def call(path: str) -> Callable[..., Any]:
    """The function at `path`, a module and a name in it, imported by its first call."""

    def called(*arguments: Any, **options: Any) -> Any:
        return _imported(path)(*arguments, **options)

    called.__qualname__ = path  # logs name it
    return called


def attributes(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package that gives names from its modules: `homes` says which from which."""

    def attribute(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    return attribute


@cache
def _imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)
