"""Makes a change between two lines of a journal, as a request does: with its connections looked after."""

from __future__ import annotations

import time

from django.db import Error as DatabaseError
from django.db import close_old_connections

from tests.chaos.changes import leave_proof, perform
from tests.chaos.journal import Entry, Journal, now


def noted(journal: Journal, token: str, kind: str) -> str:
    """Make the change and return what came of it."""
    leave_proof(token)
    close_old_connections()
    started_at, started = now(), time.monotonic()
    journal.write(Entry(token, kind, started_at))
    try:
        outcome = "committed" if perform(token, kind) else "rolled back"
    except Exception as error:  # noqa: BLE001 (whatever it is, the journal says so)
        outcome = type(error).__name__
        if isinstance(error, DatabaseError):
            close_old_connections()
            time.sleep(0.1)
    journal.write(Entry(token, kind, started_at, outcome, time.monotonic() - started))
    return outcome
