"""The views of Django REST framework keep their tags with the wheel that an index would give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fixtures.wheel import outcome_from
from tests.unit.http.test_rest_framework import SHAPES


@pytest.mark.timeout(300)  # a busy machine; alone it takes some seconds
def test_a_view_of_any_shape_keeps_its_tags_with_the_built_wheel(unpacked: Path) -> None:
    said = outcome_from(unpacked, "tests/unit/http/test_rest_framework.py")
    assert set(re.findall(r"keeps_its_tags\[(\w+)\] PASSED", said)) == set(SHAPES)
