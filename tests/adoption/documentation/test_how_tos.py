"""How-tos that show files of a project and its tests: the project is made of them, and its tests pass."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adoption.documentation.commands import ROOT
from tests.adoption.page import Write, steps

PAGES = ("several-sites", "tenants", "import", "takedown", "move", "trees")
BEFORE = """
import os

os.environ.setdefault("PURGE_SECRET", "a-secret-of-nobody")
SECRET_KEY = "nobody signs in here"
APP = {app!r}
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "invalidation", APP]
DATABASES = {{alias: {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}} for alias in ("default", "acme")}}
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INVALIDATION = {{"TIERS": {{}}, "SITES": ["https://example.com"]}}
"""
AFTER = """
INVALIDATION["OFFLINE"] = True
INVALIDATION.setdefault("DATABASES", list(DATABASES))
"""


def made(folder: Path, page: Path) -> str:
    """The name of the app whose files the page shows; they begin as Django begins them."""
    written = [step for step in steps(page) if isinstance(step, Write)]
    [app] = {step.path.partition("/")[0] for step in written} - {"project"}
    for path, code in (
        ("project/settings.py", BEFORE.format(app=app)),
        ("project/__init__.py", ""),
        (f"{app}/__init__.py", ""),
        (f"{app}/models.py", "from django.db import models\n"),
        *((step.path, f"\n{step.code}") for step in written),
        ("project/settings.py", AFTER),
    ):
        (folder / path).parent.mkdir(exist_ok=True)
        with (folder / path).open("a") as file:
            file.write(code)
    return app


@pytest.mark.parametrize("name", PAGES)
def test_the_tests_that_a_how_to_shows_pass_in_the_project_that_it_shows(name: str, tmp_path: Path) -> None:
    app = made(tmp_path, ROOT / f"docs/how-to/{name}.md")
    shown = len(re.findall(r"^    def test_", (tmp_path / app / "tests.py").read_text(), re.MULTILINE))
    environment = {
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "PATH": "/usr/bin:/bin",
        "DJANGO_SETTINGS_MODULE": "project.settings",
    }
    command = [sys.executable, "-m", "django", "test", "--verbosity=0"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert shown
    assert f"Ran {shown} test" in done.stderr
