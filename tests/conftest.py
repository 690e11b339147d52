"""Makes the real servers available to every test."""

from __future__ import annotations

pytest_plugins = ["tests.fixtures.servers"]
