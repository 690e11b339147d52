"""The doctor at the shipped system."""

from __future__ import annotations

from deploy.local.processes import wait_for
from deploy.local.stack import Stack


def test_the_shipped_system_is_sound(stack: Stack) -> None:
    looked_at = wait_for(lambda: _sound(stack), 60, "the doctor to find nothing, once beat has been heard")
    assert "varnish" in looked_at
    assert "nginx" in looked_at
    assert "workers" in looked_at


def _sound(stack: Stack) -> str:
    asked = stack.manage("invalidation_doctor")
    return asked.stdout if asked.returncode == 0 else ""
