"""Takes back what was asked for at an instant to come, as long as that has not come; else says why not."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from invalidation import lazy
from invalidation.rows import events, instants

logger = lazy.Logger(__name__)


class NotWithdrawn(Exception):
    """It was left as it is; the message says why."""


def withdraw(database: str, uid: UUID, *, actor: str) -> None:
    """Remove a scheduled purge.

    One statement decides between this and the moment at which it becomes due, whatever was known of it before.

    Raises:
        NotWithdrawn: it is due, or was never to be withdrawn by hand.
    """
    if not instants.withdraw_asked(database, uid, timezone.now()):
        raise NotWithdrawn(_reason(database, uid))
    logger.info("purge_withdrawn", uid=str(uid), actor=actor, database=database)


def _reason(database: str, uid: UUID) -> str:
    if row := instants.on(database).filter(uid=uid).first():
        if row.model:
            return f"{row.owner} changes at that instant by itself: change that row, and it moves or goes with it."
        return f"Its time came at {row.due_at.isoformat()}: it is about to be purged, and can't be taken back."
    if event := events.on(database).filter(uid=uid).first():
        return f"Its time has come: it is {event.status}, and can't be taken back."
    return "Somebody else has withdrawn it."
