"""What `manage.py check --deploy` adds: settings that start well, and leave copies stale or purges open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name
from django.core.exceptions import ImproperlyConfigured

from invalidation import conf
from invalidation.conf import graph
from invalidation.providers.registry import provider_class
from invalidation.targets.values import Mode

MIDDLEWARE = "invalidation.middleware.CacheTagMiddleware"
#: They add a cookie or a Vary to the response; what judges it must stand outside them.
INSIDE = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
)
SHORTEST_SECRET = 16


def check_soft_purges(**_: Any) -> list[CheckMessage]:
    """E004: soft purge of an inner tier. E005: two tiers with one node."""
    return _of(_soft, _overlapping)


def check_deployment(**_: Any) -> list[CheckMessage]:
    """E006, W004: the middleware. E008: tests' settings. W005: secrets. W006, W011: sites."""
    return _of(_middleware, _offline, _secrets, _sites, _schemes)


def _of(*parts: Any) -> list[CheckMessage]:
    """Nothing while the settings can't be read: E001 says why."""
    try:
        settings = conf.settings()
        graph.order(settings.tiers)
        return [message for part in parts for message in part(settings)]
    except ImproperlyConfigured:
        return []


def _soft(settings: conf.Settings) -> Iterator[CheckMessage]:
    """F23: the outer cache would fetch the copy that the inner one shows once more, and keep it for a whole life."""
    for tier in settings.tiers.values():
        outside = [name for name in graph.outer(settings.tiers, tier.name) if _holds_responses(settings.tiers[name])]
        if tier.mode == Mode.INVALIDATE and outside:
            yield Error(
                f"Tier {tier.name!r} is purged softly, but {sorted(outside)} would keep the old copy that it shows.",
                hint="Give the MODE 'invalidate' to the outermost tier alone.",
                id="invalidation.E004",
            )


def _overlapping(settings: conf.Settings) -> Iterator[CheckMessage]:
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for tier in settings.tiers.values():
        for node in filter(None, tier.nodes):
            homes[node].append(tier.name)
    for node, names in homes.items():
        if len(names) > 1:
            yield Error(
                f"Node {node} is declared {len(names)} times, in {sorted(set(names))}.",
                hint="Each node belongs to one tier, once.",
                id="invalidation.E005",
            )


def _middleware(settings: conf.Settings) -> Iterator[CheckMessage]:
    if not any(_holds_responses(tier) for tier in settings.tiers.values()):
        return
    placed = list(django_settings.MIDDLEWARE)
    if MIDDLEWARE not in placed:
        hint = f"Add {MIDDLEWARE!r} before the middleware of sessions."
        yield Error("Pages carry no tags, and no guard keeps outdated ones out.", hint=hint, id="invalidation.E006")
        return
    outside = [name for name in placed[: placed.index(MIDDLEWARE)] if name in INSIDE]
    if outside:
        hint = f"Move {MIDDLEWARE!r} before {outside[0]!r}."
        yield Warning("CacheTagMiddleware does not see the response that leaves.", hint=hint, id="invalidation.W004")


def _offline(settings: conf.Settings) -> Iterator[CheckMessage]:
    if settings.offline:
        hint = "Take it out of INVALIDATION; it belongs into the settings of tests."
        yield Error("OFFLINE is on: no worker is told of any event.", hint=hint, id="invalidation.E008")


def _secrets(settings: conf.Settings) -> Iterator[CheckMessage]:
    for tier in settings.tiers.values():
        secret = tier.options.get("SECRET")
        if isinstance(secret, str) and len(secret) < SHORTEST_SECRET:
            hint = "Use secrets.token_urlsafe(24)."
            yield Warning(f"The secret of tier {tier.name!r} is short.", hint=hint, id="invalidation.W005")


def _sites(settings: conf.Settings) -> Iterator[CheckMessage]:
    if plain := [site for site in settings.sites if not site.startswith("https://")]:
        hint = "Name the origins that visitors see; pages are stored and purged by scheme."
        yield Warning(f"SITES holds {plain}, which is not https.", hint=hint, id="invalidation.W006")


def _schemes(settings: conf.Settings) -> Iterator[CheckMessage]:
    """A page of https would be filed under http, where no purge looks for it."""
    behind = any(_holds_responses(tier) for tier in settings.tiers.values())
    secure = [site for site in settings.sites if site.startswith("https://")]
    if behind and secure and not django_settings.SECURE_PROXY_SSL_HEADER:
        yield Warning(
            f"Behind a cache Django takes pages of {secure[0]} for pages of http: nothing says what visitors used.",
            hint="Set SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https'), which the shipped proxies send.",
            id="invalidation.W011",
        )


def _holds_responses(tier: conf.Tier) -> bool:
    return provider_class(tier.provider).holds_responses
