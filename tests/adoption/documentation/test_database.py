"""The page of tables shows every table, column and index as the models declare them."""

from __future__ import annotations

from django.apps import apps

from tests.adoption.documentation.tables import COLUMNS, INDEXES, PAGE, page


def test_the_page_shows_the_models() -> None:
    assert PAGE.read_text() == page(), "run python -m tests.adoption.documentation.tables"


def test_no_meaning_is_left_of_a_column_or_index_that_is_gone() -> None:
    models = list(apps.get_app_config("invalidation").get_models())
    columns = {f"{model.__name__}.{field.name}" for model in models for field in model._meta.concrete_fields}
    assert set(COLUMNS) <= columns
    assert set(INDEXES) == {index.name for model in models for index in model._meta.indexes}
