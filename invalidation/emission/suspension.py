"""`suspend` and `widen`: for migrations and imports that would otherwise emit thousands of events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from invalidation import lazy
from invalidation.emission.emit import Suspension, suspension
from invalidation.targets.values import checked_tag

logger = lazy.Logger(__name__)


@contextmanager
def _in_force(current: Suspension, action: str) -> Iterator[Suspension]:
    """An inner block counts for the outer ones too, and can't speak where an outer one is silent."""
    outer = suspension.get()
    if outer is not None and not outer.tag:
        current.tag = ""
    token = suspension.set(current)
    try:
        yield current
    finally:
        suspension.reset(token)
        if outer is not None:
            outer.suppressed += current.suppressed
        logger.info(action, reason=current.reason, tag=current.tag, suppressed=current.suppressed)


@contextmanager
def suspend(reason: str) -> Iterator[Suspension]:
    """Emit nothing for what this thread or task writes inside; counted in `.suppressed` and reported in the log.

    Cached copies stay as they are: purge afterwards what readers must not see. `invalidate()` still works inside.
    """
    with _in_force(Suspension(reason), "invalidation_suspended") as current:
        yield current


@contextmanager
def widen(tag: str, reason: str = "") -> Iterator[Suspension]:
    """Emit one event with this tag per transaction, instead of one per change.

    The event is written with the first change of each transaction, so nothing is lost if the process dies inside.

    Raises:
        InvalidTarget: `tag` is not a tag.
    """
    with _in_force(Suspension(reason, checked_tag(tag)), "invalidation_widened") as current:
        yield current
