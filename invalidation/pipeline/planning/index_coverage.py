"""Knows which nodes may hold pages that the tag index has lost, and so are emptied before it is believed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from invalidation import lazy
from invalidation.exceptions import TransientError
from invalidation.freshness import index
from invalidation.freshness.clients import UNAVAILABLE, patient_client
from invalidation.pipeline.planning.plan import Step
from invalidation.targets.values import CachePlace

logger = lazy.Logger(__name__)

DECISION = "the tag index is new, or its Redis was started anew, and may not know every page: emptied once"


def known(tier: str, node: str) -> bool:
    """Does the tag index know every page that this node may hold? True where there is none.

    Raises:
        TransientError: its Redis is away.
    """
    server = patient_client()
    try:
        return server is None or index.knows_all_of(server, str(CachePlace(tier, node)))
    except UNAVAILABLE as error:
        raise TransientError("The tag index can't be read: its Redis is away.", reply=repr(error)) from error


@contextmanager
def noted(step: Step, tier: str, node: str) -> Iterator[None]:
    """Around a call: one that empties the node is remembered under the name that the index had before it."""
    server = patient_client() if step.verb == "purge_everything" else None
    named = ""
    try:
        named = index.name(server) if server else ""
    except UNAVAILABLE as error:
        logger.warning("index_unknown", tier=tier, error=repr(error))
    yield
    try:
        if server and named:
            index.note_emptied(server, str(CachePlace(tier, node)), named)
    except UNAVAILABLE as error:
        logger.warning("index_unknown", tier=tier, error=repr(error))
