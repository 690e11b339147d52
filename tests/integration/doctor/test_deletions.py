"""Foreign keys by which the database deletes rows unseen (Django 6.1) are named, each with its remedy."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import models

from invalidation.checks.deletions import check_deletions
from tests.fixtures.library.kinds import Owned

NAMES = ["DB_CASCADE", "DB_SET_NULL", "DB_SET_DEFAULT"]


def test_nothing_is_said_where_django_collects_what_it_deletes() -> None:
    assert check_deletions() == []


@pytest.mark.skipif(not hasattr(models, "DB_CASCADE"), reason="Django 6.1 has them")
@pytest.mark.parametrize("name", NAMES)
def test_a_field_by_which_the_database_deletes_is_named_with_its_remedy(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    field: Any = Owned._meta.get_field("owner")
    monkeypatch.setattr(field.remote_field, "on_delete", getattr(models, name))
    [message] = check_deletions()
    assert (message.id, message.obj) == ("invalidation.W012", field)
    assert f"by owner ({name})" in message.msg
    assert f"Use {name.removeprefix('DB_')}," in str(message.hint)
