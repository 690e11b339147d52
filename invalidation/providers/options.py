"""Reads what a tier's OPTIONS say to its provider: names what is missing or unknown, and never shows a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ImproperlyConfigured

#: Of a whole exchange: connecting, TLS, sending and the answer to its last byte; for pipelined requests, all of them.
DEFAULT_TIMEOUT_SECONDS = 5.0


def read_options(
    tier: str, options: Mapping[str, Any], *, required: tuple[str, ...] = (), optional: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """All options of a tier, with the defaults of those left out.

    Raises:
        ImproperlyConfigured: one is missing, empty or unknown; the message names it and never its value.
    """
    known = {"TIMEOUT_SECONDS": DEFAULT_TIMEOUT_SECONDS, **(optional or {})}
    where = f"INVALIDATION['TIERS'][{tier!r}]['OPTIONS']"
    if missing := [name for name in required if not options.get(name)]:
        raise ImproperlyConfigured(f"{where} needs {missing}.")
    if unknown := sorted(set(options) - set(known) - set(required)):
        raise ImproperlyConfigured(f"{where} has unknown names {unknown}; known are {sorted({*known, *required})}.")
    timeout = options.get("TIMEOUT_SECONDS", DEFAULT_TIMEOUT_SECONDS)
    if not isinstance(timeout, int | float) or not timeout > 0:
        raise ImproperlyConfigured(f"{where}['TIMEOUT_SECONDS'] must be a number above zero.")
    return {**known, **options}


def header_secret(tier: str, secret: object, name: str = "SECRET") -> bytes:
    """A secret as it goes into a header.

    Raises:
        ImproperlyConfigured: it can't be sent in one.
    """
    if not isinstance(secret, str) or secret != secret.strip() or re.search(r"[\x00-\x1f\x7f]", secret):
        raise ImproperlyConfigured(
            f"INVALIDATION['TIERS'][{tier!r}]['OPTIONS'][{name!r}] must be a string without line breaks, control "
            "characters, and spaces at its ends; it is sent in a header."
        )
    return secret.encode()


def needs(tier: str, module: str, extra: str) -> None:
    """Say at the start of the site, and not at the first purge, that an extra is missing.

    Raises:
        ImproperlyConfigured: it isn't installed.
    """
    if find_spec(module) is None:
        raise ImproperlyConfigured(f"Tier {tier!r} needs {module}: pip install 'django-invalidation[{extra}]'.")
