"""The baseline: what a textbook does. A signal sends a Celery task, at once; the task purges everything in a row."""

from __future__ import annotations

from typing import Any

from celery import current_app, shared_task
from django.db.models.signals import m2m_changed, post_delete, post_save

from invalidation import conf
from invalidation.conf import graph
from invalidation.pipeline.planning.plan import concerns
from invalidation.pipeline.planning.resolve import plan_targets
from invalidation.providers.registry import provider, provider_class
from invalidation.targets.values import Targets
from tests.chaos.models import Thing
from tests.chaos.rules import ThingRules


def connect() -> None:
    """Listen to the models."""
    post_save.connect(send, sender=Thing, dispatch_uid="chaos.naive.save")
    post_delete.connect(send, sender=Thing, dispatch_uid="chaos.naive.delete")
    m2m_changed.connect(send_related, sender=Thing.labels.through, dispatch_uid="chaos.naive.relate")


def send(instance: Thing, **_: Any) -> None:
    """Inside the transaction, whatever becomes of it."""
    targets = ThingRules(Thing).targets(instance).document()
    current_app.send_task("chaos.naive_purge", kwargs={"targets": targets})


def send_related(instance: Thing, action: str, **_: Any) -> None:
    """After a relation was added or removed."""
    if action.startswith("post_"):
        send(instance)


@shared_task(name="chaos.naive_purge", autoretry_for=(Exception,), retry_backoff=1, retry_backoff_max=5, max_retries=5)
def purge(targets: dict[str, Any]) -> None:
    """Acknowledged late, tried six times; one node that is away keeps the others waiting."""
    wanted = Targets.from_document(targets)
    tiers = conf.settings().tiers
    for name in graph.order(tiers):
        if concerns(wanted, provider_class(tiers[name].provider)):
            for node in tiers[name].nodes:
                _purge(wanted, name, node)


def _purge(wanted: Targets, tier: str, node: str) -> None:
    for step in plan_targets(wanted, tier).steps:
        getattr(provider(tier, node), step.verb)(step.items)
