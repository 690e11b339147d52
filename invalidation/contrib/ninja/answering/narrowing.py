"""What a token that doesn't see every purge is shown of its own: nothing of those it was merged with. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from invalidation.contrib.ninja.models import Token
from invalidation.status.documents import BatchDocument, DeliveryDocument, EventDocument, VerificationDocument

#: A cache's own words may name other addresses of the call.
WITHHELD = "it failed; who may see every purge is told why"


def narrowed(document: EventDocument, token: Token) -> EventDocument:
    """The same, with its own targets alone in its batch; for a restricted token also without foreign hosts."""
    batch = document["batch"]
    own: BatchDocument | None = {**batch, "targets": document["targets"]} if batch else None
    if not token.is_restricted:
        return {**document, "batch": own}
    return {
        **document,
        "batch": own,
        "deliveries": [_without_words(delivery) for delivery in document["deliveries"]],
        "verifications": [row for row in document["verifications"] if _is_on(row, token)],
    }


def _without_words(delivery: DeliveryDocument) -> DeliveryDocument:
    return {**delivery, "error": WITHHELD if delivery["error"] else None}


def _is_on(row: VerificationDocument, token: Token) -> bool:
    return urlsplit(row["url"]).netloc in token.hosts
