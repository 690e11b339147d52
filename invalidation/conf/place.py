"""Names a node of a tier, and is its one spelling as text."""

from __future__ import annotations

from typing import NamedTuple


class CachePlace(NamedTuple):
    """A tier's name and a node's address; that is empty where a tier has no nodes of its own."""

    tier: str
    node: str = ""

    def __str__(self) -> str:
        return f"{self.tier} {self.node}".strip()
