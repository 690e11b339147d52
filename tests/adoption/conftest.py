"""Somebody who follows a page in an empty folder, with the built wheel instead of the package index."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import Redis, free_port
from tests.adoption.follower import UV, Follower
from tests.fixtures.servers import ROOT


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an index would give."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, files.split("\0")):
        if name.startswith("invalidation/") or "/" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    subprocess.run([UV, "build", "--wheel", "--quiet", "--out-dir", folder], cwd=source, check=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture
def follower(tmp_path: Path, wheel: Path) -> Iterator[Follower]:
    """In an empty folder, with a Redis on the page's port."""
    folder = tmp_path / "site"
    folder.mkdir()
    with Redis(tmp_path) as redis:
        ports = {"6379": str(redis.port), "6081": str(free_port()), "8000": str(free_port())}
        somebody = Follower(folder, wheel, ports)
        try:
            yield somebody
        finally:
            somebody.leave()
            print(somebody.logs())  # noqa: T201
