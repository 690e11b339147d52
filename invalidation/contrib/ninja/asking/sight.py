"""Which purges a token is shown: all of them, or its own."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from invalidation.contrib.ninja.asking.scopes import Scope
from invalidation.contrib.ninja.models import Token
from invalidation.contrib.ninja.problems import not_found
from invalidation.models import Event
from invalidation.status import documents
from invalidation.targets.values import Source


def sees_all(token: Token) -> bool:
    """Purges tell of every host and tag: a restricted token sees its own."""
    return Scope.READ in token.scopes and not token.is_restricted


def own(token: Token) -> dict[str, str]:
    """What its own purges have in their columns."""
    return {"source": Source.API, "actor": token.name}


def within(chosen: Mapping[str, str], token: Token) -> dict[str, str] | None:
    """What to look for, of what was chosen and this token sees; None where there is no such purge."""
    shown = {} if sees_all(token) else own(token)
    return None if any(chosen.get(name, value) != value for name, value in shown.items()) else {**chosen, **shown}


def is_own(event: Event, token: Token) -> bool:
    """Did this token ask for it?"""
    return {"source": event.source, "actor": event.actor} == own(token)


def found(purge_id: UUID | str, token: Token) -> Event:
    """The purge of this id.

    Raises:
        Problem: 404; it isn't there, or it isn't shown to this token.
    """
    try:
        event = documents.find(purge_id)
    except Event.DoesNotExist as error:
        raise not_found() from error
    if not sees_all(token) and not is_own(event, token):
        raise not_found()
    return event
