"""What a Celery application needs to run the workers; each value was measured on Celery 5.7 over Redis."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.signals import setup_logging

from invalidation import conf
from workers import queues
from workers.schedule import schedule

#: Longest a delivery may run, in seconds; below the visibility timeout, or Redis would hand it out twice.
TASK_SECONDS = 60
VISIBILITY_SECONDS = 120

SETTINGS: dict[str, Any] = {
    # JSON only: pickle would let whoever reaches the broker run code in the workers.
    "accept_content": ["json"],
    "task_serializer": "json",
    "result_serializer": "json",
    # Status lives in the database; results would only fill Redis.
    "task_ignore_result": True,
    # A message outlives the process that runs it. Not loss-free on Redis, which is why the outbox is the truth.
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "task_time_limit": TASK_SECONDS,
    "task_soft_time_limit": TASK_SECONDS - 10,
    "visibility_timeout": VISIBILITY_SECONDS,
    "broker_connection_retry_on_startup": True,
    "broker_transport_options": {
        "visibility_timeout": VISIBILITY_SECONDS,
        # kombu's defaults look for orphaned messages every 100 s.
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 25,
    },
    "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.2},
    # What Flower shows.
    "worker_send_task_events": True,
    "task_send_sent_event": True,
    "worker_soft_shutdown_timeout": 20,
}


def configure(app: Celery) -> None:
    """Give `app` queues, tasks, schedule and settings; what its own configuration names already, stays."""
    app.add_defaults(_settings)
    setup_logging.connect(keep_logging, dispatch_uid="workers.keep_logging")
    app.autodiscover_tasks(["workers"])


def keep_logging(**_: Any) -> None:
    """Celery configures no logging where this signal has a receiver: Django's LOGGING stands, in workers too."""


def _settings() -> dict[str, Any]:
    settings = conf.settings()
    return {
        **SETTINGS,
        "task_queues": queues.queues(),
        "task_default_queue": queues.EVENTS,
        "task_default_exchange": queues.EXCHANGE.name,
        "task_default_routing_key": queues.EVENTS,
        "beat_schedule": schedule(settings),
    }
