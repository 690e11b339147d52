"""Celery around the app: queues, tasks, schedule, settings. It calls `invalidation`, never the reverse."""
