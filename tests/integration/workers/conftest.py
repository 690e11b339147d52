"""pytest-celery's fixtures on local processes where no Docker engine answers; the tests are the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_celery import CELERY_REDIS_BROKER, CeleryTestBroker

from deploy.local.redis import Redis
from tests.integration.workers.nodes import LocalRedis, LocalWorker
from tests.integration.workers.site import Site


@pytest.fixture(params=[CELERY_REDIS_BROKER])
def celery_broker(request: pytest.FixtureRequest) -> Iterator[CeleryTestBroker]:
    """Redis alone: the product carries its announcements on nothing else."""
    broker: CeleryTestBroker = request.getfixturevalue(request.param)
    yield broker
    broker.teardown()


@pytest.fixture
def celery_backend_cluster() -> None:
    """No result backend: status lives in the database."""


@pytest.fixture
def default_redis_broker(tmp_path: Path) -> Iterator[LocalRedis]:
    """A Redis of this test's own."""
    node = LocalRedis(Redis(tmp_path))
    yield node
    node.teardown()


@pytest.fixture
def site(database_copy: str, default_redis_broker: LocalRedis) -> Site:
    """The reference site on a database of this test's own."""
    return Site.without_proxies(database_copy, default_redis_broker.service)


@pytest.fixture
def default_worker_container(tmp_path: Path, site: Site) -> Iterator[LocalWorker]:
    """A worker of that site."""
    node = LocalWorker(tmp_path, site.environment)
    yield node
    node.teardown()


@pytest.fixture
def default_worker_app(celery_setup_app: Any) -> Any:
    """The application by which the tests talk to the worker."""
    return celery_setup_app
