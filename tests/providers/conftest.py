"""The products under the contract."""

from __future__ import annotations

import pytest

from deploy.local import Nginx, Varnish
from tests.providers import subjects
from tests.stand_ins.origin import Origin


@pytest.fixture(params=["memory", "varnish", "nginx"])
def subject(request: pytest.FixtureRequest) -> subjects.Subject:
    """Each product in turn; its server starts when it is its turn."""
    chosen: subjects.Subject = request.getfixturevalue(f"{request.param}_subject")
    return chosen


@pytest.fixture(params=["varnish", "nginx"])
def proxy(request: pytest.FixtureRequest) -> subjects.ProxySubject:
    """Each product that is reached over HTTP."""
    chosen: subjects.ProxySubject = request.getfixturevalue(f"{request.param}_subject")
    return chosen


@pytest.fixture
def memory_subject() -> subjects.MemorySubject:
    return subjects.MemorySubject()


@pytest.fixture
def varnish_subject(varnish_server: Varnish, origin: Origin) -> subjects.ProxySubject:
    return subjects.varnish(varnish_server, origin)


@pytest.fixture
def nginx_subject(nginx_server: Nginx, origin: Origin) -> subjects.ProxySubject:
    return subjects.nginx(nginx_server, origin)
