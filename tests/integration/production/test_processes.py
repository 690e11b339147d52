"""What starts the processes of a deployment: units of systemd, containers and the Procfile start the same."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from honcho.environ import parse_procfile

from tests.fixtures.servers import ROOT

UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
CONTAINERS = ROOT / "deploy/containers"
PROCFILE = dict(parse_procfile((ROOT / "Procfile").read_text()).processes)
PROCESSES = {"web", "worker", "beat", "flower"}
#: What no process of ours needs, whoever takes it over.
HARDENED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "CapabilityBoundingSet": "",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
}


class Unit(RawConfigParser):
    """A unit of systemd, which may say a thing twice; the last of them stands."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, delimiters=("=",), comment_prefixes=("#",), interpolation=None)
        self.optionxform = str  # type: ignore[assignment,method-assign]  # names have capitals
        self.read_string(path.read_text())

    @property
    def command(self) -> list[str]:
        return shlex.split(self["Service"]["ExecStart"])


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((CONTAINERS / "compose.yml").read_text()))


def test_there_is_a_unit_for_each_process_and_one_for_all() -> None:
    assert {path.stem.removeprefix("invalidation-") for path in UNITS} == PROCESSES
    target = (ROOT / "deploy/systemd/invalidation.target").read_text()
    assert [path.name for path in UNITS if path.name not in target] == []


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_is_hardened_and_started_again(path: Path) -> None:
    service = dict(Unit(path)["Service"])
    assert {name: service.get(name) for name in HARDENED} == HARDENED
    assert service["Restart"] == "always"
    assert service["User"] != "root"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this machine has no systemd")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_systemd_takes_it(path: Path, tmp_path: Path) -> None:
    here = tmp_path / path.name
    here.write_text(path.read_text().replace("/srv/site/.venv/bin", str(Path(sys.executable).parent)))
    checked = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, check=False)
    assert [line for line in checked.stderr.splitlines() if path.name in line] == []


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_units_and_containers_start_what_the_procfile_starts(name: str) -> None:
    [unit] = [Unit(path) for path in UNITS if path.stem == f"invalidation-{name}"]
    started = compose()["services"][name]["command"]
    container = shlex.split(started[-1].partition("exec ")[2]) if started[0] == "sh" else started
    wanted = options(shlex.split(PROCFILE[name])) - {"--bind", "--workers", "--address", "--port", "--schedule"}
    for command in (unit.command, container):
        assert options(command) >= wanted - {"--forwarded-allow-ips"}
    assert unit.command[1:4] == container[1:4] or name == "web"


def options(command: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in command if word.startswith("--")}


def test_the_release_runs_before_and_ends() -> None:
    assert set(PROCFILE) == PROCESSES | {"release"}
    services = compose()["services"]
    assert shlex.split(PROCFILE["release"]) == services["release"]["command"]
    waiting = {name: services[name]["depends_on"]["release"]["condition"] for name in PROCESSES}
    assert set(waiting.values()) == {"service_completed_successfully"}


def test_containers_have_no_privilege_and_publish_to_this_machine_alone() -> None:
    for name, service in compose()["services"].items():
        if name in PROCESSES:
            assert service["read_only"]
            assert service["cap_drop"] == ["ALL"]
        assert [port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")] == []


def test_secrets_come_from_outside() -> None:
    variables = compose()["services"]["web"]["environment"]
    for name in ("SECRET_KEY", "PURGE_SECRET", "FLOWER_BASIC_AUTH", "METRICS_TOKEN"):
        assert variables[name] == f"${{{name}:?}}"
    page = (ROOT / "docs/reference/environment.md").read_text()
    assert [name for name in variables if f"`{name}`" not in page] == []


def test_the_image_is_made_of_files_that_are_there_and_runs_as_nobody() -> None:
    text = (CONTAINERS / "Containerfile").read_text().replace("\\\n", " ")
    instructions = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    assert {name for name, _ in instructions} == {"FROM", "COPY", "RUN", "WORKDIR", "ENV", "USER", "EXPOSE", "CMD"}
    copied = [rest.split()[:-1] for name, rest in instructions if name == "COPY" and not rest.startswith("--from")]
    assert [file for files in copied for file in files if not (ROOT / file).exists()] == []
    assert [rest for name, rest in instructions if name == "USER"] == ["10001"]
    assert re.search(r'^CMD \["gunicorn"', text, re.MULTILINE)


@pytest.mark.skipif(not os.environ.get("CONTAINER_ENGINE"), reason="set CONTAINER_ENGINE to docker or podman")
def test_an_engine_takes_the_compose_file() -> None:
    values = dict.fromkeys(
        ("SECRET_KEY", "PURGE_SECRET", "SITE_URLS", "DATABASE_PASSWORD", "FLOWER_BASIC_AUTH", "METRICS_TOKEN"), "x"
    )
    command = [os.environ["CONTAINER_ENGINE"], "compose", "-f", str(CONTAINERS / "compose.yml"), "config", "--quiet"]
    subprocess.run(command, env={**os.environ, **values}, check=True)
