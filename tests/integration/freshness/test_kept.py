"""Kept connections: every answer goes to who asked, whatever becomes of the server or of an answer."""

from __future__ import annotations

import gc
import os
import threading

import pytest
import redis
from pytest_django import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.local import Redis
from invalidation.freshness import clients, raw_commands
from tests.fixtures.stores import with_redis

WAIT_SECONDS = 0.3
DOUBLED = raw_commands.Script("return tonumber(ARGV[1]) * 2")


@pytest.fixture
def client(own_redis: Redis) -> redis.Redis:
    return redis.Redis.from_url(
        own_redis.url(3), decode_responses=True, socket_timeout=WAIT_SECONDS, retry=Retry(NoBackoff(), 0)
    )


def connections(client: redis.Redis) -> int:
    """As many as the server has, without the one that asks."""
    return len(client.client_list()) - 1


def test_the_answer_is_the_clients_own_and_the_connection_serves_again(client: redis.Redis) -> None:
    client.set("name", "é")
    assert [raw_commands.ask(client, "GET", name) for name in ("name", "none", "name")] == ["é", None, "é"]
    assert raw_commands.ask(client, "MGET", "name", "none") == ["é", None]
    assert connections(client) == 1


def test_a_script_is_sent_whole_to_a_server_that_lost_it(client: redis.Redis) -> None:
    assert raw_commands.run(client, DOUBLED, (), (21,)) == 42
    client.script_flush()
    assert raw_commands.run(client, DOUBLED, (), (4,)) == 8
    assert client.info("commandstats")["cmdstat_eval"]["calls"] == 2


def test_a_server_that_was_restarted_is_asked_again_at_once(client: redis.Redis, own_redis: Redis) -> None:
    client.set("name", "before")
    raw_commands.ask(client, "GET", "name")
    own_redis.kill()
    own_redis.start()
    assert raw_commands.ask(client, "GET", "name") is None


def test_a_refusal_is_an_answer_and_absence_is_raised(client: redis.Redis, own_redis: Redis) -> None:
    with pytest.raises(redis.ResponseError):
        raw_commands.ask(client, "GET")
    raw_commands.ask(client, "PING")
    assert connections(client) == 1
    own_redis.kill()
    with pytest.raises(redis.ConnectionError):
        raw_commands.ask(client, "PING")


def test_an_answer_that_came_too_late_is_given_to_nobody(client: redis.Redis) -> None:
    client.set("name", "value")
    with pytest.raises(redis.TimeoutError):
        raw_commands.ask(client, "BLPOP", "empty", 1)
    assert [raw_commands.ask(client, "GET", "name") for _ in range(3)] == ["value"] * 3


def test_threads_get_their_own_answers(client: redis.Redis) -> None:
    client.mset({str(number): number for number in range(8)})
    wrong: list[object] = []

    def read(number: str) -> None:
        wrong.extend(found for _ in range(300) if (found := raw_commands.ask(client, "GET", number)) != number)

    threads = [threading.Thread(target=read, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert connections(client) <= 8


def test_a_child_speaks_on_connections_of_its_own(client: redis.Redis) -> None:
    own = raw_commands.ask(client, "CLIENT", "ID")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, str(raw_commands.ask(client, "CLIENT", "ID")).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(reading, 20)) != own
    assert raw_commands.ask(client, "CLIENT", "ID") == own


def test_who_is_forgotten_leaves_no_connection_for_the_garbage_collector(own_redis: Redis) -> None:
    client = redis.Redis.from_url(own_redis.url(3))
    raw_commands.ask(client, "PING")
    [connection] = raw_commands._all[client]
    assert connection.is_connected
    del client
    gc.collect()  # the client is in circles of redis-py's own
    assert not connection.is_connected


def test_the_clients_of_settings_that_changed_are_closed(own_redis: Redis, settings: Settings) -> None:
    settings.INVALIDATION = with_redis(own_redis.url(3))
    before = clients.client()
    assert before is not None
    before.ping()
    with redis.Redis.from_url(own_redis.url(4)) as watching:
        assert connections(watching) == 1
        settings.INVALIDATION = with_redis(own_redis.url(5))
        assert connections(watching) == 0
