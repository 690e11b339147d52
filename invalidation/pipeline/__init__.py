"""One change from the outbox to its end: events, a batch, its calls, their proof, and what comes after.

The stages are packages, and each imports only from those after it in this list: `aftercare`, `intake`, `delivery`,
`planning`. What all of them stand on lies beside them. Here is what workers, the admin and the commands call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invalidation import lazy

if TYPE_CHECKING:
    from invalidation.pipeline.aftercare.prune import prune as prune
    from invalidation.pipeline.aftercare.rebound import rebound as rebound
    from invalidation.pipeline.aftercare.refresh import refresh as refresh
    from invalidation.pipeline.aftercare.replay import replay as replay
    from invalidation.pipeline.aftercare.sample import sample as sample
    from invalidation.pipeline.aftercare.sweep import sweep as sweep
    from invalidation.pipeline.aftercare.verify import verify as verify
    from invalidation.pipeline.delivery.deliver import deliver as deliver
    from invalidation.pipeline.dispatch import pass_by as pass_by
    from invalidation.pipeline.intake.drain import drain as drain
    from invalidation.pipeline.intake.drain import resume as resume

#: Loaded on first use, because a web process needs none of it at its start.
_HOMES = {
    "deliver": "delivery.deliver",
    "drain": "intake.drain",
    "pass_by": "dispatch",
    "prune": "aftercare.prune",
    "rebound": "aftercare.rebound",
    "refresh": "aftercare.refresh",
    "replay": "aftercare.replay",
    "resume": "intake.drain",
    "sample": "aftercare.sample",
    "sweep": "aftercare.sweep",
    "verify": "aftercare.verify",
}
__all__ = [
    "deliver",
    "drain",
    "pass_by",
    "prune",
    "rebound",
    "refresh",
    "replay",
    "resume",
    "sample",
    "sweep",
    "verify",
]


__getattr__ = lazy.attributes(__name__, _HOMES)
