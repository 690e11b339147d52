"""Makes the real servers available to every test, and orders the tests."""

from __future__ import annotations

pytest_plugins = [
    "tests.fixtures.announcements",
    "tests.fixtures.databases",
    "tests.fixtures.order",
    "tests.fixtures.servers",
    "tests.fixtures.stores",
    "tests.soak.failures",
]
