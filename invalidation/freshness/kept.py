"""Documents that whoever looks next wants to see, whichever process he asks: kept in Redis for a week."""

from __future__ import annotations

import json
from typing import Any

from invalidation.freshness import clients

KEPT_SECONDS = 7 * 86_400


def keep(key: str, document: Any) -> bool:
    """Store what JSON can say; False where no Redis takes it."""
    text = json.dumps(document)
    return clients.ask(lambda server: bool(server.set(key, text, ex=KEPT_SECONDS)), otherwise=False)


def kept(key: str) -> Any:
    """What was stored last; None where nothing was, or no Redis tells."""
    text: str | None = clients.ask(lambda server: server.get(key), otherwise=None)
    return json.loads(text) if text else None
