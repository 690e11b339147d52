"""Turns the dictionary of the settings module into values; what can't be used is named with its remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from invalidation.conf.lifetimes import rule_of
from invalidation.conf.schema import Settings, Tier
from invalidation.targets.parameters import Parameters
from invalidation.targets.values import parts_of

#: Settings that are lists of strings.
TEXTS = (
    *("language_prefixes", "query_variants", "monitor_varnish", "monitor_nginx", "monitor_nginx_logs"),
    "critical_urls",
    *("deploy_tags", "deploy_urls", "deploy_prefixes", "deploy_patterns"),
)
#: A user name or password before the host, with or without a scheme.
CREDENTIALS_PATTERN = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?[^/?#]*@")
TIER_FIELDS = {"PROVIDER", "FILLS_FROM", "NODES", "OPTIONS", "REBOUND_SECONDS", "SITES"}


def _tier(name: str, declared: Mapping[str, Any]) -> Tier:
    """One entry of TIERS, checked for misspelt and missing names."""
    _mapping(f"TIERS'][{name!r}", declared)
    if unknown := set(declared) - TIER_FIELDS:
        raise ImproperlyConfigured(
            f"INVALIDATION['TIERS'][{name!r}] has unknown names {sorted(unknown)}; use {sorted(TIER_FIELDS)}."
        )
    if not isinstance(declared.get("PROVIDER"), str):
        raise ImproperlyConfigured(f"INVALIDATION['TIERS'][{name!r}] needs a 'PROVIDER', the dotted path of a class.")
    place = f"TIERS'][{name!r}]['"
    nodes = tuple(node.rstrip("/") for node in _texts(f"{place}NODES", declared.get("NODES", ()))) or ("",)
    _without_credentials(f"{place}NODES", nodes)
    rebound = declared.get("REBOUND_SECONDS")
    if rebound is not None and not (isinstance(rebound, int | float) and rebound >= 0):
        raise ImproperlyConfigured(f"INVALIDATION['TIERS'][{name!r}]['REBOUND_SECONDS'] takes seconds, 0 for never.")
    return Tier(
        name=name,
        provider=declared["PROVIDER"],
        fills_from=_texts(f"{place}FILLS_FROM", declared.get("FILLS_FROM", ())),
        nodes=nodes,
        options=dict(_mapping(f"{place}OPTIONS", declared.get("OPTIONS", {}))),
        rebound_seconds=rebound,
        sites=tuple(map(_site, _texts(f"{place}SITES", declared.get("SITES", ())))),
    )


def _without_credentials(name: str, urls: Iterable[str]) -> None:
    """Nodes and sites are shown in lists, logs and metrics, so no secret may be a part of them; nor of this message."""
    if any(CREDENTIALS_PATTERN.match(url) for url in urls):
        raise ImproperlyConfigured(
            f"INVALIDATION['{name}'] holds a URL with a user name or password. Take both out of it, for nodes and "
            "sites are shown to people; what a cache asks for goes into its tier's OPTIONS, such as 'SECRET'."
        )


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ImproperlyConfigured(f"INVALIDATION['{name}'] takes a dictionary whose keys are strings.")
    return value


def _listed(name: str, values: Any) -> Iterable[Any]:
    if not isinstance(values, list | tuple):
        raise ImproperlyConfigured(f"INVALIDATION['{name}'] takes a list.")
    return values


def _texts(name: str, values: Any) -> tuple[str, ...]:
    """A list of strings; a lone string would be taken for its letters."""
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) and value for value in values):
        raise ImproperlyConfigured(f"INVALIDATION['{name}'] takes a list of strings.")
    return tuple(values)


def _site(site: str) -> str:
    """An origin without a trailing slash, its host in lower case."""
    _without_credentials("SITES", [site])
    parts = parts_of(site)
    if not parts or parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        raise ImproperlyConfigured(
            f"INVALIDATION['SITES'] holds {site!r}; write a scheme and host, such as 'https://example.com'."
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def parse(declared: Mapping[str, Any]) -> Settings:
    """Turn the dictionary of the settings module into Settings.

    Raises:
        ImproperlyConfigured: a name is unknown or a value can't be used; the message names the fix.
    """
    known = {setting.name.upper(): setting for setting in fields(Settings)}
    if unknown := set(declared) - set(known):
        raise ImproperlyConfigured(f"INVALIDATION has unknown settings {sorted(unknown)}; known are {sorted(known)}.")
    values: dict[str, Any] = {known[name].name: value for name, value in declared.items()}
    for name, value in values.items():
        default = known[name.upper()].default
        if default is not MISSING and isinstance(default, int | float) and not isinstance(value, int | float):
            raise ImproperlyConfigured(f"INVALIDATION[{name.upper()!r}] takes a number, not {value!r}.")
    values["tiers"] = {name: _tier(name, tier) for name, tier in _mapping("TIERS", values.get("tiers", {})).items()}
    values["sites"] = tuple(map(_site, _texts("SITES", values.get("sites", ()))))
    values["policy"] = tuple(rule_of(_mapping("POLICY", rule)) for rule in _listed("POLICY", values.get("policy", ())))
    values["query_parameters"] = Parameters.of(values.get("query_parameters", {}))
    values["databases"] = _texts("DATABASES", values.get("databases", ("default",)))
    for name in TEXTS:
        values[name] = _texts(name.upper(), values.get(name, ()))
    settings = Settings(**values)
    for tier in settings.tiers.values():
        if foreign := sorted(set(tier.sites) - set(settings.sites)):
            raise ImproperlyConfigured(f"INVALIDATION['TIERS'][{tier.name!r}]['SITES'] names {foreign}, SITES doesn't.")
    return settings
