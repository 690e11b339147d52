"""Row 12: whatever lies on the Redis list of a queue is dropped with one line, and the good message behind it runs."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from pytest_celery import CeleryTestSetup

from deploy.local.processes import wait_for
from invalidation.contrib.celery.consuming import envelopes
from tests.integration.workers.nodes import LocalRedis, LocalWorker

QUEUES = ("invalidation.events", "invalidation.deliver.cache")


def body(content: bytes) -> str:
    return base64.b64encode(content).decode()


def envelope(**changes: Any) -> dict[str, Any]:
    """As kombu makes it, of a drain."""
    properties = {
        "delivery_tag": "tag",
        "delivery_mode": 2,
        "delivery_info": {"exchange": "invalidation", "routing_key": "invalidation.events"},
        "priority": 0,
        "body_encoding": "base64",
        "correlation_id": "garbage",
        "reply_to": "nobody",
    }
    good = {
        "body": body(b'[[], {"database": "default"}, {}]'),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": "invalidation.drain", "id": "garbage", "root_id": "garbage"},
        "properties": properties,
    }
    return good | {"properties": properties | changes.pop("properties", {})} | changes


PICKLED = {"content-type": "application/x-python-serialize", "content-encoding": "binary"}
GARBAGE: dict[str, bytes] = {
    "no_text": b"\xff\xfe\x00\x80",
    "no_json": b"}{ not JSON",
    "a_number": b"42",
    "a_list": b"[1, 2, 3]",
    "an_empty_object": b"{}",
    "no_properties": json.dumps(envelope() | {"properties": None}).encode(),
    "no_delivery_tag": json.dumps(envelope(properties={"delivery_tag": None})).encode(),
    "no_way_back": json.dumps(envelope(properties={"delivery_info": "x"})).encode(),
    "headers_that_are_none": json.dumps(envelope() | {"headers": [1]}).encode(),
    "another_content": json.dumps(envelope() | {"content-type": "application/x-yaml"}).encode(),
    "pickle": json.dumps(envelope() | PICKLED | {"body": body(pickle.dumps([[], {}, {}]))}).encode(),
    "bare_pickle": pickle.dumps({"task": "invalidation.drain"}),
    "wrong_base64": json.dumps(envelope() | {"body": "%%%=not=base64"}).encode(),
    "a_body_that_is_no_json": json.dumps(envelope() | {"body": body(b"}{")}).encode(),
    "another_encoding_of_the_body": json.dumps(envelope(properties={"body_encoding": "rot13"})).encode(),
    "50_megabytes": json.dumps(envelope() | {"body": "A" * 50_000_000}).encode(),
    "deep": b"[" * 100_000,
}


@pytest.fixture
def broker(default_redis_broker: LocalRedis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(default_redis_broker.url) as client:
        yield client


def dropped(worker: LocalWorker) -> int:
    return worker.logs().count("message_dropped")


@pytest.mark.timeout(180)
def test_row_12_a_worker_drops_garbage_from_its_queues_and_runs_the_good_message_behind_it(
    celery_setup: CeleryTestSetup, default_worker_container: LocalWorker, broker: redis.Redis
) -> None:
    process = default_worker_container.service.pid
    for queue in QUEUES:
        before = dropped(default_worker_container)
        broker.lpush(queue, *GARBAGE.values())
        good = json.dumps(envelope() | {"headers": {"lang": "py", "task": "invalidation.drain", "id": f"good-{queue}"}})
        broker.lpush(queue, good)
        told = f"Task invalidation.drain[good-{queue}] succeeded"
        wait_for(lambda told=told: told in default_worker_container.logs(), 60, told)  # type: ignore[misc]
        assert dropped(default_worker_container) - before == len(GARBAGE)
    assert default_worker_container.service.pid == process
    assert "Unrecoverable" not in default_worker_container.logs()
    wait_for(lambda: not broker.hexists("unacked", "tag"), 20, "the good messages to be acknowledged")


@pytest.mark.parametrize("item", GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_message_is_told_in_words(item: bytes) -> None:
    assert envelopes.wrong(item)


def test_a_message_as_kombu_makes_it_is_one() -> None:
    assert not envelopes.wrong(json.dumps(envelope()).encode())


NAMES = st.sampled_from([*envelope(), "delivery_tag", "delivery_info", "body_encoding", "compression"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner)
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_are_too_strange_to_be_judged(item: bytes) -> None:
    assert isinstance(envelopes.wrong(item), str)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(envelope(), JSON)))
def test_no_envelope_is_too_strange_to_be_judged(changes: dict[str, Any]) -> None:
    assert isinstance(envelopes.wrong(json.dumps(envelope() | changes)), str)
