"""What a task shows in Flower once its purges have ended: SUCCESS for proof alone."""

from __future__ import annotations

from collections.abc import Iterable

from celery.exceptions import Retry

from invalidation.models import Delivery, DeliveryStatus
from invalidation.rows.states import DEAD_LETTERS

FAILED = frozenset({DeliveryStatus.FAILED, *DEAD_LETTERS})


class AttemptFailed(Exception):
    """A node proved no purge; what follows from that stands in the database, and is seen to already."""


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
