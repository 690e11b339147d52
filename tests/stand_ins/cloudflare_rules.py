"""Stands in for Cloudflare's Rulesets API, as far as cache rules need it."""

from __future__ import annotations

import re
import uuid
from typing import Any

from tests.stand_ins.server import Request, Response

PHASE = "http_request_cache_settings"
ENTRYPOINT = re.compile(rf"/client/v4/zones/[^/]+/rulesets/phases/{PHASE}/entrypoint")
RULESETS = re.compile(r"/client/v4/zones/[^/]+/rulesets")
RULES = re.compile(r"/client/v4/zones/[^/]+/rulesets/([^/]+)/rules")
RULE = re.compile(r"/client/v4/zones/[^/]+/rulesets/([^/]+)/rules/([^/]+)")


def _answer(status: int, result: object, *errors: tuple[int, str]) -> Response:
    told = [{"code": code, "message": message} for code, message in errors]
    return Response.json(status, {"success": not told, "errors": told, "messages": [], "result": result})


class Rulesets:
    """One zone's entry point of the phase; absent until it is created."""

    def __init__(self, max_rules: int = 25) -> None:
        self.max_rules = max_rules
        self.ruleset: dict[str, Any] | None = None
        self.replaced = 0
        """How often somebody replaced the whole list."""

    def answer(self, request: Request) -> Response | None:
        """None where the path is no concern of rules."""
        if ENTRYPOINT.fullmatch(request.path):
            return self._entrypoint(request)
        if RULESETS.fullmatch(request.path) and request.method == "POST":
            return self._create(request.document)
        if RULES.fullmatch(request.path) and request.method == "POST":
            return self._add(request.document)
        if match := RULE.fullmatch(request.path):
            return self._change(request, match[2])
        return None

    @property
    def rules(self) -> list[dict[str, Any]]:
        """The rules in order."""
        rules: list[dict[str, Any]] = self.ruleset["rules"] if self.ruleset else []
        return rules

    def _entrypoint(self, request: Request) -> Response:
        if request.method == "PUT":
            self.replaced += 1
            return self._create(request.document, status=200)
        if self.ruleset is None:
            return _answer(404, None, (10003, "could not find entrypoint ruleset in the phase"))
        return _answer(200, self.ruleset)

    def _create(self, document: dict[str, Any], status: int = 200) -> Response:
        named = {"id": uuid.uuid4().hex, "kind": "zone", "phase": PHASE, "name": document.get("name", "default")}
        self.ruleset = {**named, "version": "1", "rules": [_rule(rule) for rule in document.get("rules", [])]}
        return _answer(status, self.ruleset)

    def _add(self, document: dict[str, Any]) -> Response:
        if self.ruleset is None or len(self.rules) >= self.max_rules:
            return _answer(400, None, (20217, "exceeded maximum number of rules in the phase"))
        if document.get("action") != "set_cache_settings" or not document.get("expression"):
            return _answer(400, None, (20120, "a rule needs an action and an expression"))
        if document.get("ref") in {rule["ref"] for rule in self.rules}:
            return _answer(400, None, (20121, "the ref is already used"))
        self.rules.append(_rule(document))
        return _answer(200, self.ruleset)

    def _change(self, request: Request, rule_id: str) -> Response:
        found = next((rule for rule in self.rules if rule["id"] == rule_id), None)
        if found is None:
            return _answer(404, None, (10004, "could not find rule"))
        if request.method == "DELETE":
            self.rules.remove(found)
        elif request.method == "PATCH":
            found.update(request.document)
        return _answer(200, self.ruleset)


def _rule(document: dict[str, Any]) -> dict[str, Any]:
    rule_id = uuid.uuid4().hex
    return {"id": rule_id, "ref": rule_id, "version": "1", "enabled": True, "description": "", **document}
