"""Alerts and dashboard name metrics that exist; each alert fires on its cause and leads to its part of the runbook."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY, Counter, Histogram
from pytest_django import Settings

from deploy.grafana import dashboard
from deploy.local import Redis
from invalidation.contrib.prometheus import counters
from invalidation.contrib.prometheus.registry import registry
from invalidation.contrib.prometheus.state import State
from tests.fixtures.servers import ROOT

ALERTS, TRIED = ROOT / "deploy/prometheus/alerts.yml", ROOT / "deploy/prometheus/alerts_test.yml"
METRIC = re.compile(r"\binvalidation_[a-z_]+\b")
#: What Prometheus makes of one metric.
SERIES = ("", "_total", "_bucket", "_count", "_sum")


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    return list(group["rules"])


def expressions() -> list[str]:
    drawn = [target["expr"] for panel in dashboard.dashboard()["panels"] for target in panel["targets"]]
    return [*(rule["expr"] for rule in rules()), *drawn]


@pytest.fixture
def known(settings: Settings, redis_server: Redis, db: None) -> set[str]:
    """Every series of ours that a site with all parts has."""
    settings.INVALIDATION = {**settings.INVALIDATION, "REDIS_URL": redis_server.url(7)}
    kept = [value for value in vars(counters).values() if isinstance(value, (Counter, Histogram))]
    told = [*(family for one in kept for family in one.describe()), *State().collect()]
    return {family.name + suffix for family in told for suffix in SERIES}


def test_every_metric_that_an_alert_or_the_dashboard_names_exists(known: set[str]) -> None:
    named = {name for expression in expressions() for name in METRIC.findall(expression)}
    assert len(named) > 15
    assert named - known == set()


def test_every_metric_is_in_the_how_to(known: set[str]) -> None:
    page = set(METRIC.findall((ROOT / "docs/how-to/metrics.md").read_text()))
    families = {name for name in known if not name.endswith(SERIES[1:])}
    told = {name.removesuffix("_total") for name in page}
    assert {family for family in families if family not in told} == set()


def test_the_dashboard_is_as_it_is_composed() -> None:
    assert dashboard.FILE.read_text() == dashboard.text(), "run python -m deploy.grafana.dashboard"
    assert json.loads(dashboard.text())["title"]


def test_each_alert_leads_to_a_section_of_the_runbook_and_each_section_to_an_alert() -> None:
    links = [rule["annotations"]["runbook"] for rule in rules()]
    page = ROOT / links[0].partition("#")[0]
    sections = [title.lower().replace(" ", "-") for title in re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)]
    assert sorted(link.partition("#")[2] for link in links) == sorted(sections)


def test_each_alert_is_tried() -> None:
    tried = {one["alertname"] for test in yaml.safe_load(TRIED.read_text())["tests"] for one in test["alert_rule_test"]}
    assert tried == {rule["alert"] for rule in rules()}


@pytest.mark.skipif(not shutil.which("promtool"), reason="Debian's package prometheus brings promtool")
def test_each_fires_on_its_cause_and_not_before() -> None:
    done = subprocess.run(["promtool", "test", "rules", TRIED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_processes_that_share_a_folder_are_counted_together(tmp_path: Path, shared: Callable[[Path, str], str]) -> None:
    count = "from invalidation.contrib.prometheus.counters import EVENTS; EVENTS.labels('bulk', 'code').inc(2)"
    shared(tmp_path, count)
    shared(tmp_path, count)
    told = shared(
        tmp_path,
        "from prometheus_client import generate_latest\n"
        "from invalidation.contrib.prometheus.registry import registry\n"
        "print(generate_latest(registry()).decode())",
    )
    assert 'invalidation_events_total{lane="bulk",source="code"} 4.0' in told
    assert "invalidation_up" in told


@pytest.fixture
def shared(empty_database: Path) -> Callable[[Path, str], str]:
    """Run code in a process of the site that keeps its counts in a folder."""

    def run(folder: Path, code: str) -> str:
        place = {"PROMETHEUS_MULTIPROC_DIR": str(folder), "DATABASE_URL": f"sqlite:///{empty_database}"}
        environment = {**os.environ, **place, "DJANGO_SETTINGS_MODULE": "project.settings.test"}
        command = [sys.executable, "-c", f"import django; django.setup()\n{code}"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    return run


def test_the_registry_of_one_process_is_its_own() -> None:
    assert registry() is REGISTRY
