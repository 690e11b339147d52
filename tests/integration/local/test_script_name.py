"""F29: no visitor chooses the prefix of the links in everybody's page, neither at Varnish nor at gunicorn itself."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from honcho.environ import parse_procfile

from deploy.local import Nginx, Service, Varnish, free_port
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import visit

ROOT = Path(__file__).resolve().parents[3]
EVIL = {"SCRIPT_NAME": "/evil", "PATH_INFO": "/evil/a/", "Script-Name": "/evil"}
APPLICATION = """
def application(environment, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environment['SCRIPT_NAME']} {environment['PATH_INFO']}".encode()]
"""


@pytest.mark.parametrize("kind", ["nginx_server", "varnish_server"])
def test_f29_the_shipped_sites_pass_no_prefix_of_a_visitor_on(
    request: pytest.FixtureRequest, kind: str, origin: Origin, site: str
) -> None:
    server: Nginx | Varnish = request.getfixturevalue(kind)
    visit(server, f"{site}/evil/a/", dict(EVIL))
    assert not {"script_name", "path_info"} & set(origin.requests[-1].headers)


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[str]:
    """Started by the Procfile's line, with an application that tells what it was told."""
    port = free_port()
    (tmp_path / "told.py").write_text(APPLICATION)
    line = parse_procfile((ROOT / "Procfile").read_text()).processes["web"]
    words = shlex.split(line.replace("${WEB_PORT:-8000}", str(port)).replace("project.wsgi", "told"))
    command = [sys.executable, "-m", *words]
    url = f"http://127.0.0.1:{port}"
    with Service("told", tmp_path, command, ready=lambda: answers(url), working_folder=tmp_path):
        yield url


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def test_f29_gunicorn_as_the_procfile_starts_it_believes_no_prefix(gunicorn: str) -> None:
    assert requests.get(f"{gunicorn}/evil/a/", headers=EVIL, timeout=5).text == " /evil/a/"
