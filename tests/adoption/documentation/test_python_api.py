"""The page of the Python API shows what is public, as it is written."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.adoption.documentation.python_api import MODULES, PAGE, page

#: Packages whose `__all__` is their interface.
WHOLE = ("invalidation", "invalidation.http", "invalidation.caching", "invalidation.testing")


def test_the_page_shows_names_signatures_and_first_sentences() -> None:
    assert PAGE.read_text() == page(), "run python -m tests.adoption.documentation.python_api"


@pytest.mark.parametrize("package", WHOLE)
def test_the_page_names_all_of_a_package_s_interface(package: str) -> None:
    assert sorted({*MODULES[package], "tagged"}) == sorted({*import_module(package).__all__, "tagged"})
