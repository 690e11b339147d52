"""What this site asks of Celery; each value was measured on Celery 5.7 over Redis. The app needs none of it."""

from __future__ import annotations

from typing import Any

#: A message that nobody has acknowledged by then is handed out again.
VISIBILITY_SECONDS = 120

CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# On RabbitMQ a worker whose broker was restarted may be handed nothing more once it has restored the count that Celery
# reduces: celery #9512, and docs/how-to/brokers.md.
CELERY_WORKER_ENABLE_PREFETCH_COUNT_REDUCTION = False
CELERY_VISIBILITY_TIMEOUT = VISIBILITY_SECONDS
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "visibility_timeout": VISIBILITY_SECONDS,
    # kombu's defaults look for orphaned messages every 100 s.
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.2}
# What Flower shows.
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_TASK_SEND_SENT_EVENT = True
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
