"""settings.INVALIDATION_API, read once: how often somebody may ask, and how much at once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from invalidation import conf
from invalidation.conf.changes import when_changed

NAME = "INVALIDATION_API"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, its unit in its name."""

    requests_per_minute: int = 120
    """Most requests of one token, also at once; 0 for any number."""

    address_requests_per_minute: int = 600
    """Most requests of one address, from which several tokens may come; an IPv6 network counts as one. 0 for any."""

    proxies: int = 0
    """Proxies before the application that append to `X-Forwarded-For`: who asks is the entry so far from its end; with
    0 it is whoever is connected."""

    max_body_bytes: int = 1_048_576
    """Longest body of a request."""

    answers_hours: float = 24.0
    """An idempotency key is remembered for at least so long."""


@cache
def settings() -> Settings:
    """The settings in force.

    Raises:
        ImproperlyConfigured: a name is unknown or a value is no number; the message names the fix.
    """
    declared = getattr(django_settings, NAME, {})
    known = {setting.name.upper(): setting.name for setting in fields(Settings)}
    if not isinstance(declared, dict) or not known.keys() >= declared.keys():
        raise ImproperlyConfigured(f"{NAME} takes a dictionary; known settings are {sorted(known)}.")
    return Settings(**{known[name]: _number(name, value) for name, value in declared.items()})


def _number(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ImproperlyConfigured(f"{NAME}[{name!r}] takes a number, 0 or more, not {value!r}.")
    return value


def database() -> str:
    """Alias of the API's tables: beside the first outbox, so that a purge and its answer are one transaction."""
    return conf.settings().databases[0]


@when_changed(NAME)
def _forget() -> None:
    settings.cache_clear()
