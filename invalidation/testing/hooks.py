"""On-commit hooks inside Django's TestCase, whose transaction never commits: run as a commit would run them."""

from __future__ import annotations

import logging
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from invalidation.commit_hooks import in_testcase, own_transaction

logger = logging.getLogger("invalidation.testing")


def run(connection: BaseDatabaseWrapper, first: int) -> None:
    """Those from the place `first` on, and what they add; each once, for they are taken off the list.

    Nothing where a real commit runs them, or where a transaction of the application is open still.
    """
    if not in_testcase(connection) or own_transaction(connection):
        return
    hooks: list[Any] = connection.run_on_commit
    while due := hooks[first:]:
        del hooks[first:]
        for _savepoints, hook, robust in due:
            _call(hook, robust=robust)


def _call(hook: Any, *, robust: bool) -> None:
    """As Django does: one that is declared robust may fail."""
    try:
        hook()
    except Exception:
        if not robust:
            raise
        logger.exception("The on-commit hook %s failed.", getattr(hook, "__qualname__", hook))
