"""What a change makes stale, and the token that marks all that one transaction emits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import invalidation
from tests.chaos.models import Thing

_token: ContextVar[str] = ContextVar("chaos_token", default="")


@contextmanager
def marked(token: str) -> Iterator[None]:
    """Everything emitted inside carries this token's tag and key, which nothing else ever will."""
    previous = _token.set(token)
    try:
        yield
    finally:
        _token.reset(previous)


def change_tag(token: str) -> str:
    """Tag of one change; tells its purge from every other."""
    return f"change:{token}"


def proof_key(token: str) -> str:
    """Cache key of one change: set before it, to be deleted because of it."""
    return f"proof:{token}"


class ThingRules(invalidation.Rules):
    """The page, and the marks of the transaction."""

    track = ["slug"]

    def tags(self, thing: Thing) -> list[str]:
        """The mark."""
        token = _token.get()
        return [change_tag(token)] if token else []

    def keys(self, thing: Thing) -> list[str]:
        """The mark in the cache."""
        token = _token.get()
        return [proof_key(token)] if token else []
