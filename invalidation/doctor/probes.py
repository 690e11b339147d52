"""What else is looked at: a registry, so that whoever runs the app adds what the app itself doesn't know of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invalidation.doctor.faults import Finding

Probe = Callable[[], "Iterable[Finding]"]
_probes: dict[str, Probe] = {}


def register(name: str, probe: Probe) -> None:
    """Look at `name` by calling `probe` at every examination."""
    _probes[name] = probe


def registered() -> dict[str, Probe]:
    """All of them, by name."""
    return dict(_probes)
