"""Where databases differ."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

#: MariaDB and MySQL check a foreign key when its row is written, so that no transaction fails at its end.
checks_at_commit = pytest.mark.skipif(
    not connection.features.can_defer_constraint_checks, reason="This database checks foreign keys at once."
)


def meeting(*unique_fields: str) -> dict[str, Any]:
    """How `bulk_create` is told to overwrite what it meets there; MariaDB and MySQL take no names."""
    takes_names = connection.features.supports_update_conflicts_with_target
    return {"update_conflicts": True} | ({"unique_fields": [*unique_fields]} if takes_names else {})


def quoted(table: str) -> str:
    """The name as it stands in a statement."""
    return connection.ops.quote_name(table)
