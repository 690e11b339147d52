"""The servers of the stage, started once for a module, and a stage for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.integration.freshness.conftest import Application, Declare
from tests.integration.freshness.why.stage import Servers, Stage
from tests.unit.pipeline.chain import Queue


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, application: Application, caches_before: dict[str, Any]
) -> Iterator[Servers]:
    folder: Path = tmp_path_factory.mktemp("why")
    with ExitStack() as running:
        yield Servers(folder, application, caches_before, running)


@pytest.fixture
def stage(
    servers: Servers, application: Application, declare: Declare, queue: Queue, freshness_redis: redis.Redis
) -> Iterator[Stage]:
    staged = Stage(servers, application, declare, queue, freshness_redis)
    with staged.running:
        yield staged
