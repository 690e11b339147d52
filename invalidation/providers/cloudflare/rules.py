"""Cloudflare's cache rules: ours, known by their reference, beside those of others, which are never touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from invalidation.exceptions import RejectedError
from invalidation.providers.cdn.vendor import error_codes, json_object
from invalidation.providers.cloudflare.api import API_URL, accepted, connect
from invalidation.providers.options import DEFAULT_TIMEOUT_SECONDS

PHASE = "http_request_cache_settings"
ACTION = "set_cache_settings"
#: Every rule of ours has a reference that begins so, and no rule of others may.
PREFIX = "django_invalidation_"
#: What a rule says; all else in it is Cloudflare's own.
FIELDS = ("action", "expression", "action_parameters", "description", "enabled")
NO_ENTRYPOINT_CODE = 10003


@dataclass(frozen=True, slots=True)
class Change:
    """One rule of ours that is not as declared."""

    verb: str
    """`add`, `update` or `remove`."""

    reference: str
    rule: Mapping[str, Any]
    rule_id: str = ""


def declared(rules: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rules as they are written in a file, made ours.

    Raises:
        RejectedError: one lacks its `name` or `expression`, or has an unknown field.
    """
    made = [_declared(rule) for rule in rules]
    if len({rule["ref"] for rule in made}) != len(made):
        raise RejectedError("Two rules have the same name.")
    return made


def _declared(rule: Mapping[str, Any]) -> dict[str, Any]:
    if "name" not in rule or "expression" not in rule or set(rule) - {"name", *FIELDS}:
        raise RejectedError(f"A cache rule has a 'name', an 'expression', and may have {FIELDS}; not {sorted(rule)}.")
    defaults = {"action": ACTION, "action_parameters": {}, "description": rule["name"], "enabled": True}
    return {**defaults, **{name: rule[name] for name in FIELDS if name in rule}, "ref": PREFIX + rule["name"]}


def changes(standing: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> list[Change]:
    """What turns our standing rules into the wanted ones. Pure."""
    ours = {rule["ref"]: rule for rule in standing if str(rule.get("ref", "")).startswith(PREFIX)}
    references = {rule["ref"] for rule in wanted}
    removed = [Change("remove", ref, rule, rule["id"]) for ref, rule in ours.items() if ref not in references]
    added = [Change("add", rule["ref"], rule) for rule in wanted if rule["ref"] not in ours]
    updated = [
        Change("update", rule["ref"], rule, ours[rule["ref"]]["id"])
        for rule in wanted
        if rule["ref"] in ours and any(ours[rule["ref"]].get(name) != rule[name] for name in FIELDS)
    ]
    return [*removed, *updated, *added]


class CacheRules:
    """The cache rules of one zone.

    Rules are added, changed and removed one by one: to replace the list of the entry point would delete those of
    others.
    """

    def __init__(self, tier: str, options: Mapping[str, Any]) -> None:
        """`options` are those of the tier; its token needs the permission to edit cache rules too."""
        defaults = {"API_URL": API_URL, "TIMEOUT_SECONDS": DEFAULT_TIMEOUT_SECONDS}
        self._api = connect(tier, {**defaults, **options})
        self._path = f"/client/v4/zones/{options['ZONE_ID']}/rulesets"

    def standing(self) -> list[dict[str, Any]]:
        """All rules of the zone, in order, those of others included."""
        ruleset = self._entrypoint()
        return list(ruleset.get("rules", [])) if ruleset else []

    def apply(self, wanted: Sequence[Mapping[str, Any]]) -> list[Change]:
        """Make our rules the wanted ones; returns what had to change. New rules come last, where they prevail."""
        ruleset = self._entrypoint()
        made = changes(ruleset.get("rules", []) if ruleset else [], wanted)
        if made and not ruleset:
            ruleset = self._send("POST", "", {"name": "default", "kind": "zone", "phase": PHASE, "rules": []})
        for change in made:
            self._make(ruleset["id"] if ruleset else "", change)
        return made

    def _make(self, ruleset_id: str, change: Change) -> None:
        path = f"/{ruleset_id}/rules"
        if change.verb == "add":
            self._send("POST", path, change.rule)
        elif change.verb == "update":
            self._send("PATCH", f"{path}/{change.rule_id}", change.rule)
        else:
            self._send("DELETE", f"{path}/{change.rule_id}")

    def _entrypoint(self) -> dict[str, Any] | None:
        answer = self._api.send("GET", f"{self._path}/phases/{PHASE}/entrypoint")
        codes = error_codes(json_object(answer))
        if answer.status == HTTPStatus.NOT_FOUND and NO_ENTRYPOINT_CODE in codes:
            return None
        return dict(accepted(self._api, answer))

    def _send(self, method: str, path: str, document: object = None) -> dict[str, Any]:
        return dict(accepted(self._api, self._api.send(method, self._path + path, document)) or {})
