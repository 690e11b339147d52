"""Reads the statistics of the servers behind a Memcached alias."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymemcache.client.base import Client, normalize_server_spec
from pymemcache.exceptions import MemcacheError

from invalidation.monitor.report import Counters, Server

TIMEOUT_SECONDS = 1.0
Statistics = Mapping[bytes, Any]


def read(locations: Iterable[Any]) -> tuple[Counters, list[Server], list[str]]:
    """Counters of all of them together, who they are, what is wrong."""
    looked = [(_name(location), _statistics(location)) for location in locations]
    known = [(name, statistics) for name, statistics in looked if statistics is not None]
    servers = [Server(name, f"memcached {_text(statistics[b'version'])}") for name, statistics in known]
    problems = [f"{name} does not answer" for name, statistics in looked if statistics is None]
    return _counters([statistics for _, statistics in known]), servers, problems


def _name(location: Any) -> str:
    return ":".join(map(str, location)) if isinstance(location, tuple) else str(location).removeprefix("unix:")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _statistics(location: Any) -> Statistics | None:
    """None where the server is away."""
    client = Client(normalize_server_spec(location), connect_timeout=TIMEOUT_SECONDS, timeout=TIMEOUT_SECONDS)
    try:
        statistics: Statistics = client.stats()
    except (MemcacheError, OSError):
        return None
    else:
        return statistics
    finally:
        client.close()


def _counters(servers: Sequence[Statistics]) -> Counters:
    """Sums; https://github.com/memcached/memcached/blob/master/doc/protocol.txt, "General-purpose statistics"."""
    if not servers:
        return Counters()

    def total(name: bytes) -> int:
        return sum(int(statistics[name]) for statistics in servers)

    return Counters(
        hits=total(b"get_hits"),
        misses=total(b"get_misses"),
        entries=total(b"curr_items"),
        memory_bytes=total(b"bytes"),
        memory_limit_bytes=total(b"limit_maxbytes"),
        evictions=total(b"evictions"),
        clients=total(b"curr_connections"),
    )
