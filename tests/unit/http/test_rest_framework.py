"""Django REST framework wraps the request: every shape of view keeps its tags, and nobody is shown another's answer."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from invalidation.testing import page_tags

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _api(settings: Settings, shared_cache: None) -> None:
    """Behind a Varnish that nobody purges here."""
    varnish = {"PROVIDER": "invalidation.providers.varnish.Varnish", "OPTIONS": {"SECRET": "a-secret-of-the-tests"}}
    settings.INVALIDATION = settings.INVALIDATION | {
        "TIERS": {"varnish": varnish | {"NODES": ["http://127.0.0.1:6081"]}},
        "SITES": ["http://testserver"],
        "PAGES": {"QUERY_PARAMETERS": ["name"]},
    }
    settings.ROOT_URLCONF = "tests.unit.http.rest"
    settings.MIDDLEWARE = [f"invalidation.middleware.{name}Middleware" for name in ("CacheTag", "CachePolicy")]


SHAPES = ["call", "object", "dispatch", "get", "bare", "list", "action", "inside", "outside", "stored", "validated"]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_view_of_any_shape_keeps_its_tags(client: Client, shape: str) -> None:
    response = client.get(f"/{shape}/")
    assert response.status_code == 200
    assert f"rest:{shape}" in page_tags(response)
    assert f"rest:{shape}" in response.headers["xkey"].split()


def test_a_function_keeps_the_tags_of_both_ways(client: Client) -> None:
    assert page_tags(client.get("/inside/")) == {"rest:inside", "rest:function"}


def test_a_stored_answer_carries_its_tags_again(client: Client) -> None:
    first, second = client.get("/stored/"), client.get("/stored/")
    assert first.content == second.content == b"[]"
    assert page_tags(second) == page_tags(first) >= {"rest:stored"}


def test_a_validated_answer_is_answered_with_304_and_its_tags(client: Client) -> None:
    first = client.get("/validated/")
    second = client.get("/validated/", headers={"If-None-Match": first.headers["ETag"]})
    assert second.status_code == 304
    assert "rest:validated" in page_tags(second)


def test_an_answer_for_somebody_known_to_the_framework_alone_is_stored_for_nobody(client: Client) -> None:
    personal = client.get("/personal/?name=amara")
    assert personal.json() == {"name": "amara"}
    assert personal.headers["Cache-Control"] == "private, no-store"
    assert client.get("/personal/").json() == {"name": ""}
    assert "s-maxage=600" in client.get("/personal/").headers["Cache-Control"]
