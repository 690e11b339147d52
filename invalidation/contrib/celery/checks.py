"""System checks of the Celery application that was configured: what its settings would lose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.core.checks import CheckMessage, Warning  # noqa: A004 - Django's name
from django.core.exceptions import ImproperlyConfigured

from invalidation import conf
from invalidation.contrib.celery import host

if TYPE_CHECKING:
    from celery import Celery


def check_broker(**_: Any) -> list[CheckMessage]:
    """W013. Nothing where no application was configured, nor while the settings can't be read: E001 says why."""
    try:
        conf.settings()
    except ImproperlyConfigured:
        return []
    app = host.configured()
    return list(prefetch(app)) if app else []


def prefetch(app: Celery) -> Iterator[CheckMessage]:
    """W013: two workers of eight on RabbitMQ got nothing more once Celery had lowered and restored what they hold."""
    if app.conf.worker_enable_prefetch_count_reduction and _reads_amqp(app):
        yield Warning(
            "After a restart of RabbitMQ some of Celery's workers are handed no more messages, until they start anew.",
            hint=(
                "Set worker_enable_prefetch_count_reduction = False for Celery, which is "
                "CELERY_WORKER_ENABLE_PREFETCH_COUNT_REDUCTION in Django's settings (docs/how-to/brokers.md)."
            ),
            id="invalidation.W013",
        )


def _reads_amqp(app: Celery) -> bool:
    """Of a transport that isn't there Celery itself says so, to who connects."""
    from invalidation.contrib.celery.queues import speaks_amqp

    try:
        return speaks_amqp(app.connection_for_read())
    except (ImportError, KeyError):
        return False
