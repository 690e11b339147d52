"""Reads the process environment into plain values; no other module of the site does."""

from __future__ import annotations

import os

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    """The variable, or `default` where it is unset or empty."""
    return os.environ.get(name, "").strip() or default


def required(name: str) -> str:
    """The variable.

    Raises:
        ImproperlyConfigured: it is unset or empty.
    """
    if value := text(name):
        return value
    raise ImproperlyConfigured(f"The environment variable {name} is not set; this environment can't start without it.")


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated variable as a list without blanks."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def flag(name: str, default: bool) -> bool:
    """True for 1, true, yes and on."""
    return text(name, str(default)).lower() in ("1", "true", "yes", "on")
