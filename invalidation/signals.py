"""Signals by which the pipeline tells the world; the app itself knows neither Celery nor metrics.

committed         after commit, before anything else of it: `targets` (documents of the transaction's events)
event_recorded    after commit: `database`, `uids` (of the events of the transaction), `lane`, `correlation_id` of the
                  first; `kinds`, lane and source of each, where they are told for the first time
deliveries_ready  deliveries may run: `database`, `deliveries`, `wait_seconds`
batch_claimed     in the transaction that makes a batch: `database`, `batch`, which is not stored yet, `merged`: the
                  events, or batches, that it is made of, each with its `correlation_id` and `traceparent`
batch_released    a worker has done with a batch of its own what it can: `database`, `batch`
call_ended        a node was asked, and has answered or failed: `delivery`, `verb`, `targets` (how many), `started_at`,
                  `reply`, `error`; by a helper, which touches no database
delivery_settled  an attempt ended: `database`, `delivery`
verified          nodes were asked for what a batch purged: `database`, `verifications`
stale_twice       a URL was purged again, and is stale still: `database`, `verification`
batch_settled     every delivery of a batch is final: `database`, `batch`, `deliveries`
examination_due   somebody asked for the doctor: no arguments
examined          the doctor was here: `report`
audit_due         somebody asked for an audit: no arguments
pruning           finished history is about to be deleted: no arguments
"""

from __future__ import annotations

from typing import Any

from django.dispatch import Signal

from invalidation import lazy

logger = lazy.Logger(__name__)

committed = Signal()
event_recorded = Signal()
deliveries_ready = Signal()
batch_claimed = Signal()
batch_released = Signal()
call_ended = Signal()
delivery_settled = Signal()
batch_settled = Signal()
verified = Signal()
stale_twice = Signal()
examination_due = Signal()
examined = Signal()
audit_due = Signal()
pruning = Signal()

#: They ask for work. A test that is offline sends none: who would do it sits behind the broker.
REQUESTS = (event_recorded, deliveries_ready, examination_due, audit_due)


def tell(signal: Signal, action: str, **facts: Any) -> None:
    """Send to every receiver. One that fails is logged under `action` and stops nobody: the sweep makes good."""
    if signal in REQUESTS and _is_offline():
        return
    for receiver, result in signal.send_robust(None, **facts):
        if isinstance(result, Exception):
            logger.warning(action, receiver=getattr(receiver, "__qualname__", repr(receiver)), error=repr(result))


def _is_offline() -> bool:
    from invalidation import conf  # not at the start of every process

    return conf.settings().offline
