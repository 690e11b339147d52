"""Every setting stands in the reference once, the first five in the README too."""

from __future__ import annotations

from dataclasses import fields

from invalidation import conf
from tests.documentation.settings_table import FIRST, GROUPS, PAGE, README, meanings, page, rendered


def test_the_readme_shows_the_first_settings_with_their_defaults_and_meanings() -> None:
    document = README.read_text()
    assert document == rendered(document), "run python -m tests.documentation.settings_table"


def test_the_reference_shows_every_setting_with_its_default_and_meaning() -> None:
    assert PAGE.read_text() == page(), "run python -m tests.documentation.settings_table"


def test_every_setting_belongs_to_one_group() -> None:
    grouped = [*FIRST, *(name for names in GROUPS.values() for name in names)]
    assert sorted(grouped) == sorted(field.name for field in fields(conf.Settings))


def test_every_setting_says_what_it_means() -> None:
    assert [field.name for field in fields(conf.Settings) if not meanings().get(field.name)] == []
