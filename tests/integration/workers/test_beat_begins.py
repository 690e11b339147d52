"""A beat that has just begun is not silent: its first task is due only some seconds later."""

from __future__ import annotations

import pytest
import redis
from celery import Celery
from celery.signals import beat_embedded_init, beat_init
from pytest_django import Settings

from deploy.local import Redis
from invalidation.contrib.celery import configure, health


@pytest.mark.parametrize("begins", [beat_init, beat_embedded_init], ids=["of its own", "in a worker"])
def test_the_doctor_hears_of_beat_as_soon_as_it_begins(begins: object, settings: Settings, redis_server: Redis) -> None:
    settings.INVALIDATION = {"TIERS": {}, "REDIS_URL": redis_server.url(5)}
    redis.Redis.from_url(redis_server.url(5)).delete(health.BEAT_KEY)
    configure(Celery("begins"))
    assert health.beat_age_seconds() == float("inf")
    begins.send(sender=None)  # type: ignore[attr-defined]
    age = health.beat_age_seconds()
    assert age is not None
    assert age < 60
