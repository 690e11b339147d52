"""Where everything is as old as the wheel allows, and as new as there is; `make matrix` runs more of both."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from deploy.local import Redis, Varnish, free_port, wait_for
from tests.adoption import environments
from tests.adoption.environments import Environment
from tests.adoption.servers import Site
from tests.fixtures.servers import ROOT, SECRET

pytestmark = [pytest.mark.takes(40), pytest.mark.timeout(600)]  # the first time it downloads

SERVED = "tests/adoption/served"


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """The lowest bound of everything."""
    python = environments.oldest_python()
    assert python, "Install the oldest Python that pyproject.toml asks for."
    return environments.made(tmp_path_factory.mktemp("oldest") / "venv", python, wheel, "lowest-direct")


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """The newest release of everything, for the newest Python that is here."""
    python = environments.newest_python()
    return environments.made(tmp_path_factory.mktemp("newest") / "venv", python, wheel, "highest")


@pytest.fixture(params=["oldest", "newest"])
def environment(request: pytest.FixtureRequest) -> Environment:
    """One after the other."""
    made: Environment = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def site(tmp_path: Path, environment: Environment) -> Iterator[Site]:
    """A site that runs there, from a folder that holds nothing but its own modules."""
    shutil.copytree(ROOT / SERVED, tmp_path / SERVED, ignore=shutil.ignore_patterns("__pycache__"))
    port = free_port()
    with (
        Redis(tmp_path) as server,
        Redis(tmp_path, name="broker") as broker,
        Varnish(tmp_path, [f"127.0.0.1:{port}"], SECRET) as varnish,
    ):
        yield Site(tmp_path, server, broker, port, varnish, python=environment.python, source=tmp_path)


def test_the_oldest_is_what_the_wheel_allows(oldest: Environment) -> None:
    assert oldest.versions == environments.lowest()


def test_the_newest_is_no_older_than_what_the_tests_run_with(newest: Environment) -> None:
    assert [name for name, here in environments.tested().items() if newest.versions[name] < here] == []


def test_a_save_is_purged_from_varnish_and_a_key_from_redis(site: Site) -> None:
    site.manage("check")
    site.fill()
    kept = redis.Redis.from_url(site.redis.url(2))
    kept.set(":1:greeting", "old")
    with site.server("runserver"), site.worker():
        assert wait_for(lambda: site.shown(1), 60, "Varnish to show the post") == "old"
        site.save(1, "new")
        wait_for(lambda: site.shown(1) == "new", 60, "Varnish to show its new title")
        told = json.loads(site.manage("purge", "--key", "greeting", "--wait", "60", "--format", "json"))
    assert told["status"] == "done"
    assert kept.get(":1:greeting") is None
