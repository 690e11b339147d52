"""A guest in the house: adopting the app changes nothing of the host's Celery application."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from celery.app.defaults import DEFAULTS

from deploy.local.processes import Service, wait_for
from invalidation.contrib.celery import queues
from invalidation.contrib.celery.setup import TASK_OPTIONS, configure
from tests.integration.workers.nodes import LocalRedis
from tests.integration.workers.site import ROOT

NAMES = [name for name in DEFAULTS if name.islower()]
OWN = {
    "broker_url": "memory://",
    "task_default_queue": "shop",
    "task_routes": {"shop.*": {"queue": "shop"}},
    "beat_schedule": {"nightly": {"task": "shop.nightly", "schedule": 86_400.0}},
    "task_time_limit": 900,
    "task_acks_late": False,
    "worker_prefetch_multiplier": 8,
    "broker_transport_options": {"visibility_timeout": 7200},
    "result_backend": "cache+memory://",
}


def settings_of(app: Celery) -> dict[str, Any]:
    """Every key, whether the host has set it or left it at its default."""
    return {name: app.conf[name] for name in NAMES}


@pytest.mark.parametrize("own", [OWN, {"broker_url": "memory://"}], ids=["its own settings", "Celery's defaults"])
@pytest.mark.parametrize("earlier", [True, False], ids=["configured before", "configured after"])
def test_every_setting_of_the_host_is_what_it_was_but_for_added_schedule_entries(
    own: dict[str, Any], earlier: bool
) -> None:
    plain, host = (Celery("shop", set_as_current=False, fixups=[]) for _ in range(2))
    if earlier:
        configure(host)
    for app in (plain, host):
        app.config_from_object(own)
    if not earlier:
        configure(host)
    before, after = settings_of(plain), settings_of(host)
    added = {name: entry for name, entry in after.pop("beat_schedule").items() if name.startswith("invalidation ")}
    assert {entry["task"] for entry in added.values()} >= {"invalidation.sweep", "invalidation.prune"}
    schedule = before.pop("beat_schedule")
    assert {name: host.conf.beat_schedule[name] for name in schedule} == schedule
    assert after == before


def test_a_worker_without_q_consumes_the_hosts_queue_and_ours() -> None:
    host = Celery("shop", set_as_current=False, fixups=[])
    host.config_from_object(OWN)
    configure(host)
    assert set(host.amqp.queues.consume_from) == {"shop", *(queue.name for queue in queues.queues())}
    host.amqp.queues.select(["shop"])
    assert set(host.amqp.queues.consume_from) == {"shop"}


def test_our_tasks_carry_their_own_options() -> None:
    from invalidation.contrib.celery import tasks

    for name in ("drain", "deliver", "sweep", "rebound", "verify", "prune", "canary"):
        task = getattr(tasks, name)
        assert {option: getattr(task, option) for option in TASK_OPTIONS} == TASK_OPTIONS, name


HOST = """
import os, pathlib, time
from celery import Celery
from celery.signals import worker_ready
import django
django.setup()
from invalidation.contrib.celery import configure

app = Celery("shop", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
app.conf.beat_schedule = {"tick": {"task": "shop.tick", "schedule": 0.2}}
app.conf.worker_pool = "threads"
configure(app)

@app.task(name="shop.tick")
def tick():
    pathlib.Path(os.environ["FOLDER"], "ticked").touch()

@app.task(name="shop.long")
def long(seconds):
    time.sleep(seconds)
    return "ended"
"""


def test_the_hosts_own_beat_entry_fires_its_result_comes_back_and_its_long_task_ends(
    tmp_path: Path, default_redis_broker: LocalRedis, database_copy: str
) -> None:
    (tmp_path / "shop.py").write_text(HOST)
    environment = {
        "DJANGO_SETTINGS_MODULE": "project.settings.test",
        "DATABASE_URL": database_copy,
        "REDIS_URL": default_redis_broker.url.removesuffix("/0"),
        "SITE_URLS": "http://blog.localhost",
        "BROKER": default_redis_broker.url,
        "FOLDER": str(tmp_path),
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
    }
    command = [sys.executable, "-m", "celery", "-A", "shop", "worker", "--beat", "--loglevel", "INFO"]
    service = Service(
        "shop",
        tmp_path,
        [*command, "--schedule", str(tmp_path / "beat"), "-n", "shop@%h"],
        environment=environment,
        working_folder=tmp_path,
        ready=lambda: "ready." in service.log.read_text(errors="replace"),
    )
    service.start()
    try:
        host = Celery("shop", broker=default_redis_broker.url, backend=default_redis_broker.url, set_as_current=False)
        ended = host.send_task("shop.long", args=[2])
        assert ended.get(timeout=60) == "ended"
        wait_for((tmp_path / "ticked").exists, 60, "the host's own entry to fire")
        broker = redis.Redis.from_url(default_redis_broker.url)
        stored = [json.loads(broker.get(key) or b"{}") for key in broker.scan_iter("celery-task-meta-*")]
        assert "ended" in {one["result"] for one in stored}
    finally:
        service.kill()
