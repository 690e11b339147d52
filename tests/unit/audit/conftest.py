"""A site of two registered models behind one Nginx that purges by address, with an empty tag index."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db.models import Model
from pytest_django import Settings

from deploy.local import Redis
from invalidation import Rules
from invalidation.emission import registry
from invalidation.freshness import index
from tests.fixtures.grouped import grouped
from tests.fixtures.library.models import Author, Genre
from tests.unit.audit import site

SITE = "https://example.com"
DATABASE = 6
NGINX = {
    "PROVIDER": "invalidation.providers.nginx.Nginx",
    "NODES": ["http://127.0.0.1:1"],
    "OPTIONS": {"SECRET": "never-sent-anywhere"},
}
Declare = Callable[..., None]
Registered = Callable[[dict[type[Model], type[Rules]]], None]


@pytest.fixture
def server(redis_server: Redis) -> redis.Redis:
    """The Redis of the index, empty."""
    client = redis.Redis.from_url(redis_server.url(DATABASE), decode_responses=True)
    client.flushdb()
    return client


@pytest.fixture
def declare(settings: Settings, redis_server: Redis, server: redis.Redis) -> Declare:
    """Put settings in force, beside those of this site."""

    def declared(**values: Any) -> None:
        settings.ROOT_URLCONF = "tests.unit.audit.site"
        settings.INVALIDATION = grouped(
            {"TIERS": {"nginx": NGINX}, "SITES": [SITE], "REDIS_URL": redis_server.url(DATABASE), **values}
        )

    return declared


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registered]:
    """Let these models be registered, and no others."""

    def only(models: dict[type[Model], type[Rules]]) -> None:
        monkeypatch.setattr(registry, "_registered", {model: rules(model) for model, rules in models.items()})
        monkeypatch.setattr(registry, "_joining", {})
        registry._forget()

    yield only
    monkeypatch.undo()
    registry._forget()


@pytest.fixture(autouse=True)
def _site(declare: Declare, registered: Registered) -> None:
    declare()
    registered({Author: Rules, Genre: site.GenreRules})


@pytest.fixture
def rendered(server: redis.Redis) -> Callable[..., None]:
    """Let the tag index know a page."""

    def render(url: str, *tags: str) -> None:
        pipeline = server.pipeline()
        index.register(pipeline, SITE + url if url.startswith("/") else url, tags, 600)
        pipeline.execute()

    return render


Rendered = Callable[..., None]


def audit(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and document of the command."""
    printed = io.StringIO()
    try:
        call_command("invalidation_audit", *arguments, "--format", "json", stdout=printed)
    except CommandError as error:
        return error.returncode, json.loads(printed.getvalue() or "{}")
    return 0, json.loads(printed.getvalue())


def found(*arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Its findings, by code and subject."""
    return {(one["code"], one["subject"]): one for one in audit(*arguments)[1]["findings"]}
