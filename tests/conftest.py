"""Makes the real servers available to every test, and orders the tests."""

from __future__ import annotations

from pathlib import Path

import invalidation

pytest_plugins = [
    "tests.fixtures.announcements",
    "tests.fixtures.databases",
    "tests.fixtures.order",
    "tests.fixtures.servers",
    "tests.fixtures.stores",
    "tests.fixtures.wheel",
    "tests.benchmarks.soak.failures",
]


def pytest_report_header() -> str:
    """Which one is tested: that of the source tree, or the wheel's."""
    return f"invalidation: {Path(invalidation.__file__).parents[1]}"
