"""What is for the inside alone, asked for from where visitors come, and from where operators do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from deploy.local import free_port
from deploy.local.stack import Stack
from tests.stand_ins.copies import Copies
from tests.stand_ins.edge import Edge

ROOT = Path(__file__).resolve().parents[2]
#: Ways to lose or forge what tells that a proxy stands before the site.
DISGUISES: list[dict[str, str]] = [
    {},
    {"X-Forwarded-For": ""},
    {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"},
    {"Connection": "X-Forwarded-For, X-Forwarded-Proto, X-Varnish, X-Real-IP, Via"},
    {"Connection": "close, x-forwarded-for", "Authorization": "Bearer "},
]


@pytest.mark.parametrize("headers", DISGUISES)
@pytest.mark.parametrize("path", ["/metrics", "/metrics?a", "//metrics", "/%6detrics", "/./metrics", "/a/../metrics"])
def test_the_metrics_are_told_to_nobody_who_comes_through_a_proxy(
    stack: Stack, headers: dict[str, str], path: str
) -> None:
    assert stack.varnish
    assert stack.nginx
    with Edge(stack.nginx.url, copies=Copies()) as edge:
        for tier in (stack.varnish.url, stack.nginx.url, edge.url):
            host = stack.site_url.removeprefix("http://")
            request = requests.Request("GET", tier, headers={"Host": host, **headers}).prepare()
            request.url = tier + path  # as it is, without dots resolved
            with requests.Session() as session:
                answer = session.send(request, timeout=10)
            assert "python_info" not in answer.text, f"{tier} {path}"
            assert answer.status_code != 200


def test_the_metrics_are_told_on_the_sites_own_port_to_who_is_on_its_machine(stack: Stack) -> None:
    answer = requests.get(f"{stack.web_url}/metrics", timeout=10)
    assert (answer.status_code, "python_info" in answer.text) == (200, True)


@pytest.mark.parametrize("path", ["/metrics", "/healthcheck", "/", "/api/workers"])
def test_every_page_of_flower_asks_for_a_login(stack: Stack, path: str) -> None:
    assert requests.get(stack.flower_url + path, timeout=10).status_code == 401
    signed_in = requests.get(stack.flower_url + path, auth=(stack.username, stack.password), timeout=10)
    assert signed_in.status_code == 200


@pytest.mark.parametrize("given", [{}, {"FLOWER_BASIC_AUTH": ""}, {"FLOWER_BASIC_AUTH": ":"}])
def test_flower_does_not_start_open(given: dict[str, str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLOWER_")}
    environment |= {"DJANGO_SETTINGS_MODULE": "project.settings.production", "SECRET_KEY": "a" * 60, **given}
    ended = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "workers", "flower", f"--port={free_port()}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert "set FLOWER_BASIC_AUTH to name:password" in ended.stderr
    assert "Traceback" not in ended.stderr
