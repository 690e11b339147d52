"""Every setting stands in the reference once, the first five in the README too."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from invalidation import conf
from invalidation.conf.parsing import GROUPS
from tests.adoption.documentation.settings_table import FIRST, PAGE, README, meanings, page, rendered


def test_the_readme_shows_the_first_settings_with_their_defaults_and_meanings() -> None:
    document = README.read_text()
    assert document == rendered(document), "run python -m tests.adoption.documentation.settings_table"


def test_the_reference_shows_every_setting_with_its_default_and_meaning() -> None:
    assert PAGE.read_text() == page(), "run python -m tests.adoption.documentation.settings_table"


def test_at_most_fifteen_names_stand_at_the_top() -> None:
    names = [field.name for field in fields(conf.Settings)]
    assert names == [*FIRST, *(name.lower() for name in GROUPS), "offline"]
    assert len(names) <= 15


@pytest.mark.parametrize("group", GROUPS.values())
def test_every_setting_says_what_it_means(group: type[Any]) -> None:
    assert [field.name for field in fields(group) if not meanings(group).get(field.name)] == []


@pytest.mark.parametrize(
    ("declared", "hint"),
    [
        ({"INDEX_MAX_URLS": 5}, "INDEX_MAX_URLS belongs into 'INDEX'"),
        ({"MAX_ATTEMPTS": 5}, "MAX_ATTEMPTS belongs into 'RETRY'"),
        ({"RETRY": {"MAX_URLS": 5}}, "MAX_URLS belongs into 'INDEX'"),
        ({"RETRY": 5}, "takes a dictionary"),
        ({"RETRY": {"MAX_ATTEMPTS": "many"}}, "takes a number"),
        ({"DEPLOY": {"URLS": "/"}}, "takes a list of strings"),
    ],
)
def test_a_setting_in_the_wrong_place_is_told_the_right_one(declared: dict[str, Any], hint: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=hint):
        conf.parse(declared)
