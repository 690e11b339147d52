"""What pages show as YAML, for programs that no test starts: its commands exist, its series are counted."""

from __future__ import annotations

import json
import re

from tests.adoption.documentation.commands import ROOT

SERIES = re.compile(r"\binvalidation_[a-z_]+\b")
COMMAND = re.compile(r"command: (\[.+\])")


def blocks(name: str) -> str:
    """Every block of YAML of a how-to."""
    return "\n".join(re.findall(r"```yaml\n(.*?)```", (ROOT / f"docs/how-to/{name}.md").read_text(), re.DOTALL))


def test_alerts_ask_for_series_that_are_counted() -> None:
    asked = {name for line in blocks("alerts").splitlines() if "expr:" in line for name in SERIES.findall(line)}
    told = {name.removesuffix("_total") for name in asked}
    code = "".join(path.read_text() for path in (ROOT / "invalidation/contrib/prometheus").glob("*.py"))
    assert len(asked) >= 5
    assert [name for name in told if f'"{name}"' not in code] == []


def test_every_alert_has_a_row_that_says_what_to_do_first() -> None:
    page = (ROOT / "docs/how-to/alerts.md").read_text()
    rows = re.findall(r"^\| ([a-z ]+) \| .+ \|$", page, re.MULTILINE)[1:]
    assert len(rows) == len(re.findall(r"- alert: ", page))


def test_the_processes_of_kubernetes_are_those_of_the_procfile() -> None:
    commands = [json.loads(command) for command in COMMAND.findall(blocks("kubernetes"))]
    procfile = dict(re.findall(r"^(\w+): (.+)$", (ROOT / "Procfile").read_text(), re.MULTILINE))
    shown = {command[3]: command for command in commands}
    assert shown["worker"][4:8] == ["--pool", "threads", "--concurrency", "8"]
    assert " ".join(shown["worker"][4:8]) in procfile["worker"]
    assert "--schedule" in shown["beat"]
    assert "--schedule" in procfile["beat"]
