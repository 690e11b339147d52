"""cache_monitor tells the truth about every kind of cache (O4, F18)."""

from __future__ import annotations

import json
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.cache import caches
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from deploy.local import Memcached, Nginx, Redis, Varnish
from invalidation import monitor
from invalidation.freshness import sequence
from invalidation.monitor import last_counters, proxies
from invalidation.monitor.probe import KEY_PREFIX, probe
from invalidation.monitor.report import Alias, Proxy, percentiles, rate_since
from tests.fixtures.servers import SECRET
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import visit
from tests.unit.monitor import naive
from tests.unit.monitor.conftest import DEAD

pytestmark = pytest.mark.usefixtures("_caches")
STORING = ("default", "plain", "memcached", "local", "files")


def looked(alias: str) -> Alias:
    return next(one for one in monitor.look().aliases if one.alias == alias)


def run(*arguments: str) -> Any:
    output = StringIO()
    call_command("cache_monitor", "--format", "json", *arguments, stdout=output)
    return json.loads(output.getvalue())


def test_every_kind_of_cache_is_known_measured_and_healthy() -> None:
    document = run()
    kinds = {one["alias"]: one["kind"] for one in document["caches"]}
    assert kinds == {
        "default": "redis",
        "plain": "redis",
        "memcached": "memcached",
        "local": "local",
        "files": "file",
        "dummy": "dummy",
    }
    assert document["is_healthy"]
    assert document["problems"] == []
    for one in document["caches"]:
        assert set(one["latency"]) == (set() if one["kind"] == "dummy" else {"set", "get", "delete"})


@pytest.mark.django_db
def test_a_database_cache_is_counted(settings: Settings) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "monitored_cache"}
    }
    call_command("createcachetable")
    caches["default"].set("one", "value")
    found = looked("default")
    assert (found.kind, found.counters.entries, found.problems) == ("database", 1, [])
    assert found.counters.memory_bytes


@pytest.mark.parametrize("alias", ["default", "plain", "memcached"])
def test_hits_since_the_last_look_are_those_of_visitors_alone(alias: str) -> None:
    caches[alias].set("known", "value")
    assert looked(alias).recent_hit_rate is None
    for _ in range(3):
        assert caches[alias].get("known") == "value"
    assert caches[alias].get("unknown") is None
    assert looked(alias).recent_hit_rate == 0.75
    assert looked(alias).recent_hit_rate is None


def test_f18_statistics_of_memcached_are_real(memcached_server: Memcached) -> None:
    caches["memcached"].set("one", "value" * 100)
    caches["memcached"].get("one")
    found = looked("memcached")
    assert naive.statistics(caches["memcached"]) == {}
    assert found.counters.hits
    assert found.counters.misses is not None
    assert found.counters.entries == 1
    assert found.counters.memory_limit_bytes == 16 * 2**20
    assert found.counters.clients
    assert found.counters.evictions == 0
    assert [server.name for server in found.servers] == [memcached_server.address]


def test_f18_two_monitors_at_once_do_not_read_each_others_probe() -> None:
    cache = caches["default"]
    assert not naive.probe(cache, lambda: naive.probe(cache, int, "theirs"), "mine")
    problems: list[str] = []
    threads = [threading.Thread(target=lambda: problems.extend(probe(caches["plain"])[1])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_f18_probe_keys_are_removed(redis_server: Redis, tmp_path: Path) -> None:
    monitor.look()
    with redis.Redis.from_url(redis_server.url(5)) as client:
        assert list(client.scan_iter(f"*{KEY_PREFIX}*")) == []
    assert looked("local").counters.entries == 0
    assert looked("memcached").counters.entries == 0
    assert looked("files").counters.entries == 0


@pytest.mark.parametrize("ignored", [False, True], ids=["raising", "with ignored exceptions"])
def test_f18_the_exit_code_tells_of_a_dead_cache(settings: Settings, ignored: bool) -> None:
    settings.CACHES = settings.CACHES | {"dead": DEAD | {"OPTIONS": {"IGNORE_EXCEPTIONS": ignored}}}
    assert naive.run(caches["dead"]) == 0
    with pytest.raises(CommandError) as caught:
        call_command("cache_monitor", stdout=StringIO())
    assert caught.value.returncode == 1
    assert "cache dead" in str(caught.value)
    assert "cache default" not in str(caught.value)


def test_a_replica_is_shown_with_its_lag(redis_server: Redis, replica_server: Redis) -> None:
    primary, replica = looked("default").servers
    assert (primary.name, primary.role) == (f"127.0.0.1:{redis_server.port}", "primary")
    assert (replica.name, replica.role) == (f"127.0.0.1:{replica_server.port}", "replica")
    assert replica.lag_bytes is not None


def test_an_alias_that_writes_to_a_replica_is_unhealthy(
    settings: Settings, redis_server: Redis, replica_server: Redis
) -> None:
    settings.CACHES = settings.CACHES | {
        "default": settings.CACHES["default"] | {"LOCATION": [replica_server.url(5), redis_server.url(5)]}
    }
    problems = looked("default").problems
    assert f"127.0.0.1:{replica_server.port} is written to, but is a replica" in problems
    assert f"127.0.0.1:{redis_server.port} is read from, but is no replica" in problems


def test_a_cache_that_loses_what_it_is_given_is_unhealthy(settings: Settings) -> None:
    settings.CACHES = settings.CACHES | {"local": settings.CACHES["local"] | {"OPTIONS": {"MAX_ENTRIES": 2}}}
    assert any("did not come back" in problem for problem in looked("local").problems)


def test_the_state_of_sequence_and_index_is_shown(redis_server: Redis) -> None:
    with redis.Redis.from_url(redis_server.url(7), decode_responses=True) as client:
        drawn = sequence.advance(client, [])
    state = run()["freshness"]
    assert state["sequence"] == drawn
    assert 0 <= state["sequence_age_seconds"] < 60
    assert (state["indexed_urls"], state["problems"]) == (0, [])


def test_varnish_tells_its_hits(varnish_server: Varnish, origin: Origin, settings: Settings) -> None:
    import requests

    settings.INVALIDATION = {"TIERS": {}, "MONITOR": {"VARNISH": [str(varnish_server.folder / "work")]}}
    last_counters.remember({})
    assert monitor.look().proxies[0].recent_hit_rate is None
    for _ in range(4):
        requests.get(f"{varnish_server.url}/monitored", timeout=5)
    [found] = monitor.look().proxies
    assert found.problems == []
    assert found.requests
    assert found.hits is not None


def test_a_varnish_that_is_not_there_is_unhealthy(tmp_path: Path) -> None:
    assert proxies.varnish(str(tmp_path)).problems


def test_nginx_tells_its_requests(state_folder: Path, origin_server: Origin) -> None:
    with Nginx(
        state_folder,
        [origin_server.address],
        "a-secret-of-the-tests",
        name="status",
    ) as server:
        found = proxies.nginx(server.status_url)
        assert (found.problems, found.connections) == ((), 1)
        assert found.requests
        assert proxies.nginx(f"{server.url}/elsewhere").problems
    assert proxies.nginx(server.status_url).problems


def test_nginx_tells_its_hits_by_its_log(
    nginx_server: Nginx, origin: Origin, site: str, settings: Settings, tmp_path: Path
) -> None:
    settings.INVALIDATION = {"TIERS": {}, "MONITOR": {"NGINX_LOGS": [str(nginx_server.cache_log)]}}
    last_counters.remember({})
    before = nginx_answers(nginx_server, site)
    after = nginx_answers(nginx_server, site)
    assert (after.hits - before.hits, after.misses - before.misses) == (4, 0)  # type: ignore[operator]
    assert (before.recent_hit_rate, after.recent_hit_rate) == (None, 1.0)
    assert before.problems == after.problems == ()
    assert proxies.nginx_log(str(tmp_path / "none.log")).problems == ["its log can't be read: FileNotFoundError"]


def nginx_answers(server: Nginx, site: str) -> Proxy:
    """A look after four visitors of one page, one who is signed in, and a purge of another page."""
    for _ in range(4):
        visit(server, f"{site}/monitored/")
    visit(server, f"{site}/monitored/", {"Cookie": "sessionid=x"})
    visit(server, f"{site}/other/", {"X-Purge-Secret": SECRET}, "PURGE")
    [found] = monitor.look().proxies
    return found


def test_the_words_of_nginx_that_are_hits_and_misses(tmp_path: Path) -> None:
    log = tmp_path / "cache.log"
    log.write_text("MISS\nHIT\nHIT\nBYPASS\nEXPIRED\nSTALE\nUPDATING\nREVALIDATED\nHI")
    found = proxies.nginx_log(str(log))
    assert (found.hits, found.misses, found.requests) == (5, 2, 7)


def test_continuous_json_is_one_line_per_look() -> None:
    output = StringIO()
    call_command(
        "cache_monitor", "--continuous", "--interval", "0.01", "--looks", "2", "--format", "json", stdout=output
    )
    assert [json.loads(line)["is_healthy"] for line in output.getvalue().splitlines()] == [True, True]


def test_the_table_has_no_colours_in_a_pipe() -> None:
    output = StringIO()
    call_command("cache_monitor", stdout=output)
    assert "healthy" in output.getvalue()
    assert "\x1b" not in output.getvalue()


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1))
def test_percentiles_are_ordered_and_were_measured(durations: list[float]) -> None:
    found = percentiles(durations)
    assert found.p50 <= found.p95 <= found.p99 <= round(max(durations), 3)


def test_a_restarted_server_has_no_rate_since_the_last_look() -> None:
    assert rate_since({"hits": 10, "misses": 5}, 3, 1) is None
    assert rate_since({"hits": 10, "misses": 5}, 13, 6) == 0.75
