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
from invalidation.proxies.templates import FOLDER, Value, placeholders
from invalidation.proxies.values import TEMPLATES
from tests.adoption.documentation.commands import ROOT, after, managed, shown
from tests.fixtures.servers import SECRET

#: Programs of others; the tests of the running system start them as the Procfile does.
FOREIGN = {
    "celery",
    "curl",
    "grep",
    "honcho",
    "pip",
    "export",
    "…",
    "python3",
    ".",
    "django-admin",
    "sudo",
    "varnishd",
    "git",
}


def test_every_program_is_known() -> None:
    known = FOREIGN | {"make", "manage.py", "python", ".venv/bin/python", ".venv/bin/uv"}
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
    """With the values of every block of the how-to at once."""
    [words] = [words for words in shown() if words[-1] in OUTPUTS and name in words]
    values = tmp_path / "values.json"
    values.write_text(json.dumps(blocks(name) | elsewhere(name, tmp_path)))
    rendered = tmp_path / "rendered"
    command = [sys.executable, *words[1:-1], str(rendered), "--values", str(values)]
    run([str(ROOT / word) if word == "manage.py" else word for word in command])
    text = rendered.read_text()
    assert SECRET in text
    assert "X-Purged-By" in text
    assert "sessionid|csrftoken" in text
    run(accepting(name, tmp_path))


OUTPUTS = ("/etc/varnish/default.vcl", "/etc/nginx/conf.d/site.conf")


def blocks(name: str) -> dict[str, Value]:
    """The values that the document shows, as far as the product knows them."""
    document = (ROOT / "docs/how-to/proxies.md").read_text()
    known = placeholders((FOLDER / TEMPLATES[name]).read_text())
    found: dict[str, Value] = {}
    for block in re.findall(r"```json\n(.*?)```", document, re.DOTALL):
        found |= {key: value for key, value in json.loads(block).items() if key in known and "tls" not in key}
    return found | ({"plain_listen": "", "hsts_seconds": ""} if name == "nginx" else {})


def elsewhere(name: str, folder: Path) -> dict[str, Value]:
    """What must be different on a machine where others are."""
    there: dict[str, Value] = {"epoch_folder": str(folder / "epoch"), "cache_folder": str(folder / "pages")}
    return there | {"listen": f"127.0.0.1:{free_port()}"} if name == "nginx" else {}


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
    tiers = {"PURGE_SECRET": SECRET, "VARNISH_NODES": "http://10.0.0.5:6081", "NGINX_NODES": "http://10.0.0.6"}
    environment = (
        os.environ | tiers | {"SITE_URLS": "https://example.com", "DJANGO_SETTINGS_MODULE": "project.settings.test"}
    )
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
