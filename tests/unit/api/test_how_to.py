"""The how-to's commands are entered as they stand there, against a running site."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import fields
from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone

from invalidation.contrib.ninja.asking.scopes import Scope
from invalidation.contrib.ninja.conf import Settings
from invalidation.models import Event
from tests.adoption.documentation.commands import CONSOLE, entered
from tests.adoption.documentation.commands import ROOT as REPOSITORY
from tests.unit.api.conftest import ROOT, Grant

PAGE = (REPOSITORY / "docs/how-to/http-api.md").read_text()
CURLS = [line for block in CONSOLE.findall(PAGE) for line in entered(block) if line.startswith("curl ")]


@pytest.mark.django_db(transaction=True)
def test_every_curl_of_the_how_to_does_what_it_says(live_server: Any, granted: Grant) -> None:
    token = granted(scopes=["purge", "status"])
    known = {"API": live_server.url + ROOT.rstrip("/"), "TOKEN": token.text, "ID": ""}
    answers = []
    for line in CURLS:
        command = ["bash", "-c", f"{line} --silent --show-error --max-time 20"]
        done = subprocess.run(command, env={**os.environ, **known}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        answers.append(json.loads(done.stdout))
        known["ID"] = answers[-1].get("id", known["ID"])
    made, followed, listed, tiers, health, description, preview, scheduled, waiting, withdrawn = answers
    assert (made["source"], made["actor"], made["correlation_id"]) == ("api", "deploy", "deploy-4711")
    assert made["targets"] == Event.objects.get().targets == {"tags": ["blog.post:42"], "urls": ["/blog/"]}
    assert followed["id"] == made["id"]
    assert [one["id"] for one in listed["purges"]] == [made["id"]]
    assert tiers["tiers"] == health["tiers"]
    assert description["openapi"].startswith("3.")
    assert [row["tier"] for row in preview["tiers"]] == ["cache", "outer"]
    assert (scheduled["status"], scheduled["targets"]) == ("scheduled", {"tags": ["shop.offer:7"]})
    assert waiting["purges"] == [scheduled]
    assert withdrawn == {**scheduled, "status": "withdrawn"}
    assert 7000 < (datetime.fromisoformat(scheduled["due_at"]) - timezone.now()).total_seconds() < 7300


def test_every_setting_and_scope_is_in_the_how_to() -> None:
    for setting in fields(Settings):
        default = str(setting.default).removesuffix(".0")
        assert f"| `{setting.name.upper()}` | {default} |" in PAGE
    for scope in Scope.values:
        assert f"| `{scope}` |" in PAGE
