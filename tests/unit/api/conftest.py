"""A configured site with two hosts, tokens of every kind, and somebody who asks with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from invalidation.contrib.ninja.asking.grants import Granted, grant
from invalidation.contrib.ninja.asking.scopes import Scope
from invalidation.contrib.ninja.models import Token
from invalidation.contrib.ninja.rows import tokens
from invalidation.contrib.ninja.secrets import mint

ROOT = "/api/invalidation/"
SITE, OTHER = "https://blog.example", "https://shop.example"
SECRET = "never-to-be-shown-0123456789"
EVERY_SCOPE = tuple(Scope.values)


@pytest.fixture(autouse=True)
def _tiers(settings: Settings) -> None:
    memory, options = "invalidation.providers.memory.Memory", {"SECRET": SECRET}
    settings.INVALIDATION = {
        "TIERS": {
            "cache": {"PROVIDER": memory, "OPTIONS": options},
            "outer": {
                "PROVIDER": memory,
                "FILLS_FROM": ["cache"],
                "NODES": ["http://127.0.0.1:8081"],
                "OPTIONS": options,
            },
        },
        "SITES": [SITE, OTHER],
    }


@dataclass(frozen=True)
class Caller:
    """Asks as whoever holds a token; with "" as nobody."""

    text: str = field(repr=False, default="")
    client: Client = field(default_factory=Client)

    def get(self, path: str, **headers: str) -> Any:
        """Below the API's root."""
        return self.client.get(ROOT + path, headers=self.headers(headers))

    def post(self, body: Any, path: str = "purges", **headers: str) -> Any:
        """JSON, unless it is bytes already."""
        data = body if isinstance(body, bytes) else json.dumps(body)
        return self.client.post(ROOT + path, data=data, content_type="application/json", headers=self.headers(headers))

    def delete(self, path: str, **headers: str) -> Any:
        """Below the API's root."""
        return self.client.delete(ROOT + path, headers=self.headers(headers))

    def headers(self, more: dict[str, str]) -> dict[str, str]:
        """Names with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return ({"Authorization": f"Bearer {self.text}"} if self.text else {}) | named


Grant = Callable[..., Granted]
As = Callable[..., Caller]


@pytest.fixture
def granted(db: None) -> Grant:
    """A token, with the scope `purge` unless others are given."""

    def make(name: str = "deploy", *, scopes: Any = ("purge",), **rights: Any) -> Granted:
        return grant(name, scopes=scopes, **rights)

    return make


@pytest.fixture
def caller(granted: Grant) -> As:
    """Somebody with such a token."""

    def make(name: str = "deploy", **rights: Any) -> Caller:
        return Caller(granted(name, **rights).text)

    return make


def problem(response: Any, status: int) -> dict[str, Any]:
    """What a refusal says, which is complete, and kept by no cache."""
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "private, no-store"
    said: dict[str, Any] = json.loads(response.content)
    assert said["status"] == status
    assert said["detail"]
    assert said["fix"]
    return said


def fields(response: Any, status: int) -> list[str]:
    """The fields that a refusal names, each with its fix."""
    errors = problem(response, status)["errors"]
    assert all(error["detail"] and error["fix"] for error in errors)
    return [error["field"] for error in errors]


@pytest.fixture
def unlimited(transactional_db: None, settings: Settings) -> str:
    """A token that may do everything, and as often as it likes.

    The application closes its connections, and so would end an open transaction.
    """
    settings.INVALIDATION_API = {"REQUESTS_PER_MINUTE": 0, "ADDRESS_REQUESTS_PER_MINUTE": 0}
    minted = mint()
    made = Token(name="unlimited", identifier=minted.identifier, digest=minted.digest, scopes=list(EVERY_SCOPE))
    tokens.insert(made)
    return minted.text
