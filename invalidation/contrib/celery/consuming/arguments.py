"""Drops messages that are none of ours: whoever reaches the broker may send any arguments under our tasks' names."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from invalidation import conf, lazy

logger = lazy.Logger(__name__)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
MAX_KEY = 2**63 - 1
MAX_CHARACTERS = 64


def guarded(task: Callable[Parameters, Result]) -> Callable[Parameters, Result | str]:
    """A task that runs for arguments that make sense, and drops others with one line in the log."""
    signature = inspect.signature(task)

    @functools.wraps(task)
    def run(*arguments: Parameters.args, **named: Parameters.kwargs) -> Result | str:
        try:
            wrong = _wrong(signature.bind(*arguments, **named).arguments)
        except TypeError as error:
            wrong = str(error)
        if not wrong:
            return task(*arguments, **named)
        logger.warning("message_dropped", task=task.__name__, reason=wrong)
        return f"dropped: {wrong}"

    return run


def _wrong(named: Mapping[str, Any]) -> str:
    """What is wrong with them; "" for nothing."""
    databases = conf.settings().databases
    if named.get("database", databases[0]) not in databases:
        return "a database without an outbox"
    if type(key := named.get("delivery", 1)) is not int or not 0 < key <= MAX_KEY:
        return "a delivery that is no key"
    name = named.get("correlation_id", "")
    if not isinstance(name, str) or len(name) > MAX_CHARACTERS:
        return "a correlation id that is none"
    return ""
