"""What whoever looks at Flower reads: targets in a few words, and SUCCESS for proof alone."""

from __future__ import annotations

from collections.abc import Iterable

from celery.exceptions import Retry

from invalidation.models import Delivery, DeliveryStatus
from invalidation.rows.states import DEAD_LETTERS
from invalidation.targets.values import Targets

FAILED = frozenset({DeliveryStatus.FAILED, *DEAD_LETTERS})


class AttemptFailed(Exception):
    """A node proved no purge; what follows from that stands in the database, and is seen to already."""


def summary(targets: Targets | None, limit: int = 5) -> str:
    """The first few targets of a batch, and how many more; None for what can't be read."""
    if targets is None:
        return "unreadable"
    if targets.everything:
        return "everything"
    keys = sorted(key.key for key in targets.keys)
    names = [*sorted(targets.tags), *sorted(targets.prefixes), *sorted(targets.urls), *keys]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return " ".join(names[:limit]) + more


def shown(text: str, ended: Iterable[Delivery]) -> str:
    """The result of a task in which these have ended.

    The message is acknowledged in any case, and not sent again: a delivery that is to be tried again has its own.

    Raises:
        AttemptFailed: one was refused or failed, so that the task is a FAILURE.
        celery.exceptions.Retry: one was put off, which shows as RETRY.
    """
    states = {row.status for row in ended}
    if states & FAILED:
        raise AttemptFailed(text)
    if DeliveryStatus.DEFERRED in states:
        raise Retry(text)
    return text
