"""Turns the dictionary of the settings module into values; what can't be used is named with its remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import Field, fields
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from invalidation.conf.lifetimes import rule_of
from invalidation.conf.schema import (
    Backlog,
    Deploy,
    Freshness,
    Index,
    Limits,
    Monitor,
    Pages,
    Retry,
    Settings,
    Tier,
    Workers,
)
from invalidation.exceptions import InvalidTarget
from invalidation.targets.parameters import Parameters
from invalidation.targets.values import Lane, Manner, parts_of

#: Top keys that are groups of settings.
GROUPS: Mapping[str, type[Any]] = {
    "PAGES": Pages,
    "FRESHNESS": Freshness,
    "INDEX": Index,
    "BACKLOG": Backlog,
    "LIMITS": Limits,
    "RETRY": Retry,
    "WORKERS": Workers,
    "MONITOR": Monitor,
    "DEPLOY": Deploy,
}
#: A user name or password before the host, with or without a scheme.
CREDENTIALS_PATTERN = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?[^/?#]*@")
TIER_FIELDS = {"PROVIDER", "FILLS_FROM", "NODES", "OPTIONS", "REBOUND_SECONDS", "SITES", "MODE"}


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
        options=_options(place, declared.get("OPTIONS", {})),
        rebound_seconds=rebound,
        sites=tuple(map(_site, _texts(f"{place}SITES", declared.get("SITES", ())))),
        mode=_mode(f"{place}MODE", Lane.EDITORIAL, declared["MODE"]) if "MODE" in declared else "",
    )


def _options(place: str, declared: Any) -> dict[str, Any]:
    options = dict(_mapping(f"{place}OPTIONS", declared))
    if "SOFT" in options:
        raise ImproperlyConfigured(
            f"INVALIDATION['{place}OPTIONS'] has 'SOFT'; write 'MODE': 'invalidate' beside 'PROVIDER' instead."
        )
    return options


def _mode(place: str, lane: str, mode: Any) -> str:
    try:
        Manner(lane, mode).check()
    except InvalidTarget as error:
        raise ImproperlyConfigured(f"INVALIDATION['{place}']: {error}") from error
    return str(mode)


def _modes(declared: Any) -> dict[str, str]:
    modes = _mapping("BACKLOG']['MODES", declared)
    return {lane: _mode("BACKLOG']['MODES", lane, mode) for lane, mode in modes.items()}


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


def _texts(name: str, values: Any, place: str = "INVALIDATION") -> tuple[str, ...]:
    """A list of strings; a lone string would be taken for its letters."""
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) and value for value in values):
        raise ImproperlyConfigured(f"{place}['{name}'] takes a list of strings.")
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
    values = _named("INVALIDATION", Settings, declared)
    values["tiers"] = {name: _tier(name, tier) for name, tier in _mapping("TIERS", values.get("tiers", {})).items()}
    values["sites"] = tuple(map(_site, _texts("SITES", values.get("sites", ()))))
    values |= {name.lower(): _group(name, declared.get(name, {})) for name in GROUPS}
    settings = Settings(**values)
    for tier in settings.tiers.values():
        if foreign := sorted(set(tier.sites) - set(settings.sites)):
            raise ImproperlyConfigured(f"INVALIDATION['TIERS'][{tier.name!r}]['SITES'] names {foreign}, SITES doesn't.")
    return settings


def _group(name: str, declared: Any) -> Any:
    values = _named(f"INVALIDATION['{name}']", GROUPS[name], _mapping(name, declared))
    if "policy" in values:
        values["policy"] = tuple(rule_of(_mapping("PAGES']['POLICY", rule)) for rule in _rules(values["policy"]))
    if "query_parameters" in values:
        values["query_parameters"] = Parameters.of(values["query_parameters"])
    if "modes" in values:
        values["modes"] = _modes(values["modes"])
    return GROUPS[name](**values)


def _rules(rules: Any) -> Iterable[Any]:
    if not isinstance(rules, list | tuple):
        raise ImproperlyConfigured("INVALIDATION['PAGES']['POLICY'] takes a list.")
    return rules


def _named(place: str, group: type[Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a group by the names of its fields; numbers and lists of strings are checked."""
    known = {setting.name.upper(): setting for setting in fields(group)}
    if unknown := set(declared) - set(known):
        hint = _hint(unknown)
        raise ImproperlyConfigured(f"{place} has unknown settings {sorted(unknown)}{hint}; known are {sorted(known)}.")
    return {known[name].name: _checked(place, name, known[name], value) for name, value in declared.items()}


def _hint(unknown: Iterable[str]) -> str:
    """Where a setting belongs that stands at another place."""
    homes = {name: group for group, kind in GROUPS.items() for name in unknown if _holds(kind, group, name)}
    return "".join(f" ({name} belongs into {group!r})" for name, group in sorted(homes.items()))


def _holds(kind: type[Any], group: str, name: str) -> bool:
    return name.removeprefix(f"{group}_").lower() in {setting.name for setting in fields(kind)}


def _checked(place: str, name: str, setting: Field[Any], value: Any) -> Any:
    if isinstance(setting.default, int | float) and not isinstance(value, int | float):
        raise ImproperlyConfigured(f"{place}[{name!r}] takes a number, not {value!r}.")
    return _texts(name, value, place) if setting.type == "tuple[str, ...]" else value
