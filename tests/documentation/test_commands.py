"""Every command that the documents show can be entered so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from deploy.local import Nginx, free_port, varnish
from deploy.local.templates import Value
from tests.documentation.commands import ROOT, after, managed, shown
from tests.fixtures.servers import SECRET

#: Programs of others; the tests of the running system start them as the Procfile does.
FOREIGN = {"celery", "curl", "grep", "honcho", "pip", "export", "…"}


def test_every_program_is_known() -> None:
    known = FOREIGN | {"make", "manage.py", "python", ".venv/bin/python"}
    assert {command[0] for command in shown()} <= known


@pytest.mark.parametrize("words", managed(), ids=" ".join)
def test_a_shown_management_command_and_its_options_exist(words: list[str]) -> None:
    name, *arguments = words
    command = load_command_class(get_commands()[name], name)
    command.create_parser("manage.py", name).parse_args(arguments)


@pytest.mark.parametrize("words", [command for command in shown() if "-m" in command[:2]], ids=" ".join)
def test_a_shown_module_exists(words: list[str]) -> None:
    [module, *_] = after(words, "-m")
    assert find_spec(module)


@pytest.mark.parametrize("name", ["varnish", "nginx"])
def test_a_configuration_rendered_as_shown_is_accepted_and_purges(name: str, tmp_path: Path) -> None:
    values, output = tmp_path / f"{name}.json", tmp_path / "rendered"
    [words] = [words for words in shown() if values.name in words]
    values.write_text(json.dumps(example(name) | elsewhere(name, tmp_path)))
    here = {values.name: str(values), words[-1]: str(output)}
    run([sys.executable, *(here.get(word, word) for word in words[1:])])
    rendered = output.read_text()
    assert SECRET in rendered
    assert "X-Purged-By" in rendered
    assert "sessionid|csrftoken" in rendered
    run(accepting(name, tmp_path))


def example(name: str) -> dict[str, Value]:
    """The values that the document shows."""
    document = (ROOT / "docs/how-to/proxies.md").read_text()
    shown_values: dict[str, Value] = json.loads(
        re.split(r"```json\n|```\n", document.partition(f"`{name}.json`, ")[2])[1]
    )
    return shown_values


def elsewhere(name: str, folder: Path) -> dict[str, Value]:
    """What must be different on a machine where others are."""
    return {"cache_folder": str(folder / "pages"), "listen": f"127.0.0.1:{free_port()}"} if name == "nginx" else {}


def accepting(name: str, folder: Path) -> list[str]:
    """The program that says whether it would start with `rendered`."""
    if name == "varnish":
        return [varnish.binary(), "-C", "-j", "none", "-n", str(folder / "work"), "-f", str(folder / "rendered")]
    server = Nginx(folder, [], SECRET, name="main")
    server.prepare()
    (server.folder / "site.conf").write_text((folder / "rendered").read_text())
    return [*server.command(), "-t"]


def run(command: list[str]) -> str:
    """What it prints."""
    environment = os.environ | {"PURGE_SECRET": SECRET}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
