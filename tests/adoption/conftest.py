"""Somebody who follows a page in an empty folder, with the built wheel instead of the package index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import Redis, free_port
from tests.adoption.follower import Follower


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
