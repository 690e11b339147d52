"""One id follows a change from its cause to the last call, over every process that logs, found by one grep (O5)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.local import Nginx, Redis, Service, free_port, wait_for
from deploy.local.forms import Admin
from deploy.local.processes import accepts
from tests.fixtures.servers import SECRET
from tests.integration.workers.processes import beat, worker
from tests.integration.workers.site import ROOT, Site

pytestmark = [pytest.mark.timeout(240), pytest.mark.takes(20)]

#: What is said of each change, from its record to its end.
SAID = {"event_recorded", "batch_claimed", "delivery_settled", "batch_settled"}
SCHEDULE = """
from datetime import timedelta
from django.utils import timezone
import invalidation
print(invalidation.invalidate(keys=["b"], at=timezone.now() + timedelta(seconds=0.5)).uid)
"""


@dataclass(frozen=True)
class Running:
    """The site, its address, and where its processes write."""

    site: Site
    address: str
    nginx: Nginx
    folder: Path

    def said(self, identifier: str, *others: str) -> list[dict[str, Any]]:
        """What grep finds in all logs."""
        texts = [log.read_text(errors="replace") for log in self.folder.glob("*.log")]
        lines = [line for text in (*texts, *others) for line in text.splitlines()]
        return [json.loads(line) for line in lines if identifier in line and line.startswith("{")]

    def events(self, identifier: str, *others: str) -> set[str]:
        """Which lines of ours, once the batch is over."""
        wait_for(lambda: names(self.said(identifier)) >= SAID - {"event_recorded"}, 30, f"{identifier} to be purged")
        return names(self.said(identifier, *others))


def names(lines: list[dict[str, Any]]) -> set[str]:
    return {line["event"] for line in lines}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Running]:
    folder, port = tmp_path_factory.mktemp("one-id"), free_port()
    database = folder / "site.sqlite3"
    database.write_bytes(empty_database.read_bytes())
    with ExitStack() as stack:
        redis = stack.enter_context(Redis(folder, name="broker"))
        plain = Site.without_proxies(f"sqlite:///{database}", redis)
        logs = {
            "LOG_JSON": "true",
            "LOG_LEVEL": "DEBUG",
            "TRUST_REQUEST_ID": "true",
            "ADMIN_USERNAME": "ada",
            "ADMIN_PASSWORD": "lovelace-1815",
        }
        site = replace(plain, environment={**plain.environment, **logs})
        site.manage("seed_blog", "--posts", "1")
        command = [sys.executable, "-m", "gunicorn", "project.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "2"]
        environment = dict(site.environment)
        web = Service("web", folder, command, environment=environment, working_folder=ROOT, ready=lambda: accepts(port))
        nginx = Nginx(folder, [f"127.0.0.1:{port}"], SECRET)
        for service in (web, worker(site, folder), beat(site, folder), nginx):
            stack.enter_context(service)
        yield Running(site, f"http://127.0.0.1:{port}/", nginx, folder)


def test_from_the_header_of_a_request_to_the_admin(running: Running) -> None:
    admin = Admin(f"{running.address}admin/", "ada", "lovelace-1815")
    admin.session.headers["X-Request-ID"] = "request-of-the-test"
    admin.submit("blog/tag/add/", {"name": ["Tea"], "slug": ["tea"]})
    assert running.events("request-of-the-test") >= {"request_started", "request_finished", *SAID}
    [settled] = [line for line in running.said("request-of-the-test") if line["event"] == "batch_settled"]
    assert [text.split()[:2] for text in settled["deliveries"]] == [["cache", "purged"]]


def test_from_the_edge_to_the_last_call_under_the_id_that_nginx_gave(running: Running) -> None:
    admin = Admin(f"{running.nginx.url}/admin/", "ada", "lovelace-1815")
    ids: list[str] = []
    admin.session.hooks["response"] = [lambda answer, **_: ids.append(answer.headers["X-Request-ID"])]
    admin.submit("blog/tag/add/", {"name": ["Milk"], "slug": ["milk"]})
    log = (running.nginx.folder / "access.log").read_text().splitlines()
    [saved] = [line for line in log if '"POST /admin/blog/tag/add/' in line]
    [identifier] = [one for one in ids if f" {one} " in saved]
    assert running.events(identifier) >= {"request_started", "request_finished", *SAID}


def test_from_the_header_of_a_request_to_the_api(running: Running) -> None:
    made = running.site.manage("invalidation_token", "create", "deploy", "--scope", "purge").stdout
    token = next(word for word in made.split() if word.startswith("inv_"))
    headers = {"Authorization": f"Bearer {token}", "X-Correlation-ID": "call-of-the-test"}
    url = f"{running.address}api/invalidation/purges"
    answer = requests.post(url, json={"tags": ["blog.post"], "reason": "test"}, headers=headers, timeout=20)
    assert answer.status_code == requests.codes.accepted, answer.text
    assert running.events(answer.json()["correlation_id"]) >= SAID
    assert answer.json()["correlation_id"] == "call-of-the-test"


def test_from_a_command_that_says_nothing_else_to_its_standard_output(running: Running) -> None:
    done = running.site.manage("purge", "--key", "a", "--wait", "30", "--format", "json")
    identifier = json.loads(done.stdout)["correlation_id"]
    assert running.events(identifier, done.stderr) >= SAID


def test_from_several_changes_of_one_transaction_in_a_script(running: Running) -> None:
    script = """
from django.db import transaction
import invalidation
with transaction.atomic():
    first = invalidation.invalidate(keys=["c"])
    second = invalidation.invalidate(keys=["d"])
assert first.correlation_id == second.correlation_id
print(first.correlation_id)
"""
    done = running.site.manage("shell", "-v", "0", "-c", script)
    assert running.events(done.stdout.strip(), done.stderr) >= SAID


def test_from_an_instant_that_beat_fires(running: Running) -> None:
    done = running.site.manage("shell", "-v", "0", "-c", SCHEDULE)
    assert running.events(done.stdout.strip()) >= SAID
