"""Environments of other versions, made by uv, which keeps what it has downloaded."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from packaging.version import Version

from tests.fixtures.servers import ROOT
from tests.fixtures.wheel import UV

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMES = ("Django", "celery", "kombu", "redis")
#: Later releases are left out, so that no test fails because of the day on which it runs. Raise it to try them.
RELEASED_BEFORE = "2026-11-30"
VERSIONS = f"""
import json
from importlib.metadata import version
print(json.dumps({{name: version(name) for name in {NAMES}}}))
"""


@dataclass(frozen=True, slots=True)
class Environment:
    """One that holds the built wheel."""

    python: str

    @property
    def versions(self) -> dict[str, Version]:
        """Of what the app stands on."""
        return {name: Version(said) for name, said in json.loads(_said(self.python, "-c", VERSIONS)).items()}


def made(folder: Path, python: str, wheel: Path, resolution: str) -> Environment:
    """The wheel and its Celery, every library as old ("lowest-direct") or as new ("highest") as it allows."""
    _said(UV, "venv", "--quiet", "--python", python, folder)
    # The wheel's own needs are named once more, or they would not be "direct".
    needs = (
        "--requirements",
        str(ROOT / "pyproject.toml"),
        "--extra",
        "celery",
        "--resolution",
        resolution,
        "--exclude-newer",
        RELEASED_BEFORE,
    )
    environment = Environment(str(folder / "bin" / "python"))
    _said(UV, "pip", "install", "--quiet", "--python", environment.python, *needs, wheel)
    return environment


def lowest() -> dict[str, Version]:
    """The oldest release of each that the wheel allows."""
    needs = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["celery"]]
    bounds = dict(re.findall(r"^(\w+)>=([\d.]+)", "\n".join(needs), re.MULTILINE))
    return {name: Version(bounds[name]) for name in NAMES}


def tested() -> dict[str, Version]:
    """Those that these tests run with."""
    return {name: Version(version(name)) for name in NAMES}


def oldest_python() -> str:
    """As the wheel asks for it."""
    return _found(PROJECT["requires-python"].removeprefix(">="))


def newest_python() -> str:
    """Of those that the wheel was tested with, and that are on this machine: on the PATH, or among pyenv's."""
    said = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    newest_first = sorted(said, key=lambda version: int(version.partition(".")[2]), reverse=True)
    return next(filter(None, map(_found, newest_first)))


def _found(version: str) -> str:
    """Empty where there is none; none is downloaded."""
    command = [str(UV), "python", "find", "--no-python-downloads", "--no-project", version]
    done = subprocess.run(command, env=_with_pyenv(), capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _with_pyenv() -> dict[str, str]:
    """The shims of pyenv show only those that somebody has chosen."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = map(str, sorted(root.glob("versions/3.*/bin")))
    own = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    return {**own, "PATH": os.pathsep.join([*folders, os.environ["PATH"]])}


def _said(*command: str | Path) -> str:
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout
