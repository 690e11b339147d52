"""What is wrong with a rule is logged once, counted for all processes, and shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import redis
from django.core.management import call_command
from pytest_django import Settings
from structlog.testing import capture_logs

import invalidation
from deploy.local import Redis
from invalidation.freshness import complaints
from invalidation.freshness.redis_pause import redis_pause
from invalidation.status import documents
from tests.fixtures.library.models import Genre
from tests.unit.emission.conftest import Outbox

pytestmark = pytest.mark.django_db(transaction=True)


class Wrong(invalidation.Rules):
    def tags(self, genre: Genre) -> list[str]:
        raise ZeroDivisionError

    def urls(self, genre: Genre) -> list[str]:
        return ["https://elsewhere.test/genres/"]


@pytest.fixture(autouse=True)
def _wrong(outbox: Outbox, settings: Settings, redis_server: Redis) -> Iterator[None]:
    url = redis_server.url(6)
    settings.INVALIDATION = {**settings.INVALIDATION, "REDIS_URL": url, "SITES": ["https://example.com"]}
    redis.Redis.from_url(url).flushdb()
    redis_pause.over()
    invalidation.register(Genre, rules=Wrong)
    yield
    invalidation.register(Genre, rules=invalidation.Rules)


def save(times: int) -> list[dict[str, Any]]:
    with capture_logs() as logs:
        for number in range(times):
            Genre.objects.create(slug=f"prose-{number}")
    return [dict(line) for line in logs if line["event"] == "invalidation_rules_failed"]


def test_each_is_logged_once_with_the_name_of_the_rule() -> None:
    failed, foreign = save(3)
    assert (failed["rule"], failed["model"], failed["error"]) == ("Wrong.tags", "library.Genre", "ZeroDivisionError()")
    assert foreign["rule"] == "Wrong.urls"
    assert "https://elsewhere.test/genres/" in foreign["error"]
    assert "INVALIDATION['SITES']" in foreign["error"]


def test_each_is_counted_and_shown_by_the_status() -> None:
    save(3)
    complaints.pending.flush()
    shown = {row["rule"]: row for row in documents.overview()["rules"]}
    assert {rule: row["count"] for rule, row in shown.items()} == {"Wrong.tags": 3, "Wrong.urls": 3}
    assert shown["Wrong.tags"]["error"].endswith(f" ZeroDivisionError() (key {Genre.objects.latest('pk').pk})")
    assert {row["model"] for row in shown.values()} == {"library.Genre"}
    printed = StringIO()
    call_command("invalidation_status", format="json", stdout=printed)
    assert [row["rule"] for row in json.loads(printed.getvalue())["rules"]] == ["Wrong.tags", "Wrong.urls"]


def test_the_first_is_counted_at_once() -> None:
    save(1)
    assert [(row["rule"], row["count"]) for row in documents.overview()["rules"]] == [
        ("Wrong.tags", 1),
        ("Wrong.urls", 1),
    ]


def test_without_redis_the_change_is_stored_all_the_same(settings: Settings, outbox: Outbox) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "REDIS_URL": "redis://127.0.0.1:1/0"}
    save(2)
    assert len(outbox.events) == 2
    assert documents.overview()["rules"] == []
    redis_pause.over()
