"""The name under which a vendor recognises a call that it has been sent before. Pure."""

from __future__ import annotations

import json
from hashlib import sha256

from invalidation.models import Delivery
from invalidation.pipeline.planning.plan import Step

DIGEST_CHARACTERS = 20


def reference(delivery: Delivery, step: Step) -> str:
    """The same for every attempt at the same call, and never the same for two calls that are both meant (F1).

    The moment tells rows apart whose number a restored or recreated database gives out again, and a replay from the
    attempts before it; the digest tells the calls of one delivery apart.
    """
    moment = delivery.replayed_at or delivery.created_at
    content = json.dumps(step.document(), sort_keys=True).encode()
    digest = sha256(content).hexdigest()[:DIGEST_CHARACTERS]
    return f"batch-{delivery.batch_id}-delivery-{delivery.pk}-{moment:%Y%m%d%H%M%S%f}-{digest}"
