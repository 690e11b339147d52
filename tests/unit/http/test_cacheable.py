"""Lifetimes are read as caches read them, whatever stands in the header."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from hypothesis import given
from hypothesis import strategies as st

from invalidation.http import cacheable


@pytest.mark.parametrize(
    ("control", "seconds"),
    [
        ("s-maxage=60", 60),
        ("s-maxage=²", 0),
        ("s-maxage=٣", 0),
        ("s-maxage=-1", 0),
        ("s-maxage=1.5", 0),
        (f"s-maxage={'9' * 5000}", 2**31),
        (f"s-maxage={'0' * 5000}7", 7),
        ('s-maxage="60"', 60),
        ("max-age=60, s-maxage=0", 0),
    ],
)
def test_a_lifetime_is_a_bounded_number_or_none(control: str, seconds: int) -> None:
    response = HttpResponse()
    response.headers._store["cache-control"] = ("Cache-Control", control)
    assert cacheable.shared_seconds(response) == seconds


@given(st.sampled_from([*cacheable.LIFETIME_HEADERS, cacheable.ACCELERATED, "Expires"]), st.text(max_size=50))
def test_no_header_raises_or_gives_a_life_without_end(name: str, value: str) -> None:
    response = HttpResponse()
    response.headers._store[name.lower()] = (name, value)
    assert 0 <= cacheable.shared_seconds(response) <= 2**31 or name == "Expires"
