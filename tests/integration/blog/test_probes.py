"""Who is told the metrics: whoever asks from this machine without a proxy between, or knows the token."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from project import probes

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-the-tests"


def status(**environment: str) -> int:
    return Client().get("/metrics", **environment).status_code  # type: ignore[arg-type]  # the stubs know headers alone


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.8.9.10"])
def test_the_machine_itself_may_ask(address: str) -> None:
    assert status(REMOTE_ADDR=address) == 200


@pytest.mark.parametrize("address", ["10.0.0.1", "203.0.113.9", "", "unix:", "127.0.0.1, 10.0.0.1"])
def test_another_machine_may_not(address: str) -> None:
    assert status(REMOTE_ADDR=address) == 404


@pytest.mark.parametrize(
    "header", ["X_FORWARDED_FOR", "X_FORWARDED_PROTO", "X_FORWARDED_HOST", "X_REAL_IP", "FORWARDED", "VIA", "X_VARNISH"]
)
def test_nobody_may_through_a_proxy(header: str) -> None:
    assert status(**{f"HTTP_{header}": "127.0.0.1"}) == 404


def test_the_token_opens_them_from_anywhere_and_is_then_the_only_way(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert status() == 404
    assert status(HTTP_AUTHORIZATION="Bearer wrong") == 404
    assert status(HTTP_AUTHORIZATION="Bearer ünlesbar") == 404
    assert status(HTTP_AUTHORIZATION=f"Bearer {TOKEN}", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="10.0.0.2") == 200


def test_a_refusal_is_not_stored_either() -> None:
    assert "no-store" in Client().get("/metrics", REMOTE_ADDR="10.0.0.1")["Cache-Control"]


def ready(**environment: str) -> tuple[int, dict[str, object]]:
    answer = Client().get("/health/ready/", REMOTE_ADDR="127.0.0.1", **environment)  # type: ignore[arg-type]
    return answer.status_code, answer.json()


def test_a_site_whose_servers_answer_is_ready() -> None:
    assert ready() == (200, {"status": "ready", "reasons": []})


def test_a_site_whose_redis_is_away_serves_pages_and_says_what_is_away(settings: Settings) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "REDIS_URL": "redis://user:secret@127.0.0.1:1/0"}
    code, document = ready()
    assert (code, document["status"]) == (200, "degraded")
    assert document["reasons"] == ["The freshness Redis does not answer (ConnectionError)"]


def test_a_site_without_its_database_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        """The database."""
        raise OperationalError("password of host database")

    monkeypatch.setattr(probes, "_database", away)
    assert ready() == (503, {"status": "unready", "reasons": ["The database does not answer (OperationalError)"]})


def test_others_are_told_the_status_alone() -> None:
    assert ready(HTTP_X_FORWARDED_FOR="10.0.0.1") == (200, {"status": "ready"})
