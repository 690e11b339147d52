"""The page that the doctor puts into caches."""

from __future__ import annotations

import time

import pytest
from django.test import Client
from pytest_django import Settings

from invalidation.http.canary import PATH, PATH_SECONDS, REACHED, Canary


def test_every_rendering_is_another_one_and_may_be_kept(client: Client) -> None:
    path = Canary().path
    first, second = (client.get(path) for _ in range(2))
    assert first.json()["render"] != second.json()["render"]
    assert first.headers["Cache-Control"].startswith("public, max-age=0, s-maxage=")


def test_what_follows_the_signature_is_taken_as_it_comes(client: Client) -> None:
    answer = client.get(f"{Canary().path}caf%C3%A9//x?b=2&a=1")
    assert answer.json()["url"].endswith("x?b=2&a=1")


def test_it_carries_as_many_tags_as_asked_for_under_the_header_of_the_product(
    client: Client, settings: Settings
) -> None:
    node = {"NODES": ["http://127.0.0.1:1"], "OPTIONS": {"SECRET": "a-secret-of-the-tests"}}
    tiers = {"varnish": {"PROVIDER": "invalidation.providers.varnish.Varnish", **node}}
    settings.INVALIDATION = {"TIERS": tiers, "SITES": ["http://testserver"]}
    canary = Canary(tags=3, vary="Accept-Language")
    answer = client.get(canary.path)
    assert answer.headers["xkey"].split() == [canary.tag(number) for number in range(3)]
    assert answer.headers["Vary"] == "Accept-Language"


def test_a_purge_that_reaches_the_application_is_told_so(client: Client) -> None:
    answer = client.generic("PURGE", Canary().path)
    assert answer.status_code == 405
    assert answer.content.decode() == f"{REACHED} PURGE."


@pytest.mark.parametrize("token", ["", "anything", "eyJ0YWdzIjoxfQ:1:forged"])
def test_a_path_that_is_not_signed_is_an_ordinary_one(client: Client, token: str) -> None:
    assert client.get(f"{PATH}{token}/").status_code == 404


def test_a_path_is_good_for_a_short_time_only(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = Canary()
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now - PATH_SECONDS - 5)
    path = canary.path
    monkeypatch.undo()
    assert client.get(path).status_code == 404


def test_the_path_of_one_canary_never_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    canary = Canary()
    path = canary.path
    monkeypatch.setattr("django.core.signing.time.time", lambda: 0.0)
    assert canary.path == path
