"""A rule of POLICY: which headers the responses of some views get. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """Headers for the responses of some views, where a view sets none itself."""

    paths: tuple[str, ...] = ()
    """Regular expressions for the path, such as `^/blog/`."""

    views: tuple[str, ...] = ()
    """Route names, such as `blog:post`."""

    cache_control: str = ""
    cdn_cache_control: str = ""
    surrogate_control: str = ""
    stale_while_revalidate: int | None = None
    """Seconds for which a cache may show an expired copy while it fetches a new one."""

    stale_if_error: int | None = None
    """Seconds for which a cache may show an expired copy while the origin fails."""


def rule_of(declared: Mapping[str, Any]) -> PolicyRule:
    """One entry of POLICY."""
    known = {rule.name.upper(): rule.name for rule in fields(PolicyRule)}
    if unknown := set(declared) - set(known):
        raise ImproperlyConfigured(
            f"INVALIDATION['PAGES']['POLICY'] has unknown names {sorted(unknown)}; use {sorted(known)}."
        )
    if not declared.get("PATHS") and not declared.get("VIEWS"):
        raise ImproperlyConfigured("Each rule of INVALIDATION['PAGES']['POLICY'] needs 'PATHS' or 'VIEWS', a list.")
    values: dict[str, Any] = {
        known[name]: tuple(value) if isinstance(value, list) else value for name, value in declared.items()
    }
    try:
        for path in values.get("paths", ()):
            re.compile(path)
    except (re.error, TypeError) as error:
        raise ImproperlyConfigured(
            f"INVALIDATION['PAGES']['POLICY'] holds a path that is no pattern: {error}"
        ) from error
    return PolicyRule(**values)
