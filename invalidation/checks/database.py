"""System checks of DATABASES: what works with one process, and fails once workers write beside the site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from invalidation import conf

#: Modes in which a transaction takes SQLite's lock when it begins, and so waits for it.
PATIENT_MODES = ("IMMEDIATE", "EXCLUSIVE")
OPTIONS = "{'transaction_mode': 'IMMEDIATE', 'timeout': 20, 'init_command': 'PRAGMA journal_mode=WAL'}"


def check_databases(**_: Any) -> list[CheckMessage]:
    """W009: writes on SQLite fail as soon as two processes write."""
    try:
        outboxes = conf.settings().databases
    except ImproperlyConfigured:  # E001
        return []
    return list(_impatient(outboxes))


def _impatient(outboxes: Sequence[str]) -> Iterator[CheckMessage]:
    for alias in sorted(set(outboxes) & set(connections)):
        if _fails_at_once(connections[alias]):
            yield checks.Warning(
                f"On the SQLite database {alias!r} saves will fail with 'database is locked' while a worker writes: a "
                "transaction that begins by reading can't wait for another that writes.",
                hint=f"Set DATABASES[{alias!r}]['OPTIONS'] = {OPTIONS}, or use PostgreSQL.",
                id="invalidation.W009",
            )


def _fails_at_once(connection: BaseDatabaseWrapper) -> bool:
    """Not where the database is in memory: no other process writes there."""
    if connection.vendor != "sqlite" or "memory" in str(connection.settings_dict["NAME"]):
        return False
    options: dict[str, Any] = connection.settings_dict.get("OPTIONS", {})
    return str(options.get("transaction_mode", "")).upper() not in PATIENT_MODES
