"""Caches on a real Redis Cluster of three nodes: values, tags and purges whose keys lie on all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.cache import caches
from pytest_django import Settings
from redis.exceptions import RedisClusterException

from deploy.local import Redis, free_port, wait_for
from invalidation import doctor
from invalidation.caching.cluster import _cluster
from invalidation.doctor import Fault, probes
from invalidation.exceptions import TransientError
from invalidation.providers.redis import Redis as Provider
from invalidation.targets.values import CacheKey
from tests.fixtures.stores import EachApart

SLOTS = 16_384
NODES = 3
KEYS = [f"key-{number}" for number in range(300)]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Redis]]:
    """Three primaries that share the slots."""
    folder: Path = tmp_path_factory.mktemp("cluster")
    buses = [free_port() for _ in range(NODES)]
    servers = [
        Redis(folder, name=f"node-{bus}", arguments=["--cluster-enabled", "yes", "--cluster-port", str(bus)])
        for bus in buses
    ]
    with ExitStack() as running:
        clients: list[Any] = [redis.Redis(port=running.enter_context(server).port) for server in servers]
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER ADDSLOTSRANGE", number * SLOTS // NODES, (number + 1) * SLOTS // NODES - 1)
            client.execute_command("CLUSTER MEET", "127.0.0.1", servers[0].port, buses[0])
        wait_for(lambda: all(known(client) == NODES for client in clients), 30, "the nodes to know each other")
        yield servers


def known(client: Any) -> int:
    """Nodes that this one knows to serve slots; 0 until all slots are served."""
    told = client.execute_command("CLUSTER INFO")
    facts = told if isinstance(told, dict) else dict(line.split(":") for line in told.decode().split())
    return int(facts["cluster_size"]) if facts["cluster_state"] == "ok" else 0


@pytest.fixture
def provider(nodes: list[Redis], settings: Settings) -> Provider:
    """Of the alias `default`, which lives on the cluster."""
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": nodes[0].url(),
            "KEY_PREFIX": "blog",
            "OPTIONS": {"CLIENT_CLASS": "invalidation.caching.cluster.ClusterClient", "SOCKET_TIMEOUT": 2},
        }
    }
    _cluster.cache_clear()
    caches["default"].set_many(dict.fromkeys(KEYS, "value"))
    return Provider("cache", "", {})


def held() -> int:
    return len(caches["default"].get_many(KEYS))


def test_the_keys_lie_on_every_node(provider: Provider, nodes: list[Redis]) -> None:
    assert held() == len(KEYS)
    assert all(redis.Redis(port=node.port).dbsize() for node in nodes)


def test_many_keys_are_purged_and_counted(provider: Provider) -> None:
    assert provider.purge_keys([CacheKey(key) for key in KEYS]).removed == len(KEYS)
    assert held() == 0


def test_a_pattern_finds_keys_on_every_node(provider: Provider) -> None:
    assert provider.purge_keys([CacheKey("key-1*", pattern=True)]).removed == 111
    assert held() == len(KEYS) - 111


def test_everything_is_purged_on_every_node(provider: Provider) -> None:
    provider.purge_everything()
    assert held() == 0


def test_tags_whose_versions_lie_apart_make_values_stale(provider: Provider, freshness: None) -> None:
    tagged = EachApart()
    tags = [f"tag:{number}" for number in range(20)]
    tagged.set("page", "old", tags=tags)
    assert tagged.get("page") == "old"
    provider.purge_tags(tags[:10])
    assert tagged.get("page") is None


def test_a_cluster_that_is_away_is_a_passing_failure(nodes: list[Redis], settings: Settings) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{free_port()}",
            "OPTIONS": {"CLIENT_CLASS": "invalidation.caching.cluster.ClusterClient"},
        }
    }
    with pytest.raises(RedisClusterException):
        caches["default"].get("anything")
    with pytest.raises(TransientError):
        Provider("cache", "", {}).purge_keys([CacheKey("anything")])


def test_a_cluster_for_the_sequence_is_named(
    nodes: list[Redis], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "_probes", {})
    settings.INVALIDATION = {"TIERS": {}, "REDIS_URL": nodes[0].url()}
    assert [finding.fault for finding in doctor.examine().findings] == [Fault.REDIS_CLUSTER]
