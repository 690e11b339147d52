"""Reads INFO of the servers behind a Redis alias: the first is the primary, the others its replicas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import redis

from invalidation.monitor.report import Counters, Server

Info = Mapping[str, Any]
UNAVAILABLE = (redis.RedisError, OSError)


def read(clients: Sequence[redis.Redis]) -> tuple[Counters, list[Server], list[str]]:
    """Counters of all of them together, who they are, what is wrong; the clients are closed."""
    looked = [(name_of(client), _info(client)) for client in clients]
    known = [(name, info) for name, info in looked if info is not None]
    problems = [f"{name} does not answer" for name, info in looked if info is None]
    if known and looked[0][1] is not None:
        problems += _replication_problems(known)
    return _counters([info for _, info in known]), _servers(known), problems


def name_of(client: redis.Redis) -> str:
    """`host:port`, or the path of a socket; without credentials."""
    options = client.connection_pool.connection_kwargs
    return str(options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}")


def _info(client: redis.Redis) -> Info | None:
    """INFO with the number of keys of the client's own database; None where the server is away."""
    try:
        return {**client.info(), "keys": client.dbsize()}
    except UNAVAILABLE:
        return None
    finally:
        client.close()


def _counters(servers: Sequence[Info]) -> Counters:
    """Hits, clients and evictions of all; entries and memory of the primary, for a replica holds the same."""
    if not servers:
        return Counters()
    first = servers[0]
    return Counters(
        hits=_sum(servers, "keyspace_hits"),
        misses=_sum(servers, "keyspace_misses"),
        entries=int(first["keys"]),
        memory_bytes=int(first["used_memory"]),
        memory_limit_bytes=int(first["maxmemory"]) or None,
        evictions=_sum(servers, "evicted_keys"),
        clients=_sum(servers, "connected_clients"),
    )


def _sum(servers: Iterable[Info], name: str) -> int:
    return sum(int(info[name]) for info in servers)


def _servers(known: Sequence[tuple[str, Info]]) -> list[Server]:
    written = int(known[0][1]["master_repl_offset"]) if known else 0
    return [_server(name, info, written) for name, info in known]


def _server(name: str, info: Info, written_bytes: int) -> Server:
    """`written_bytes` of the primary's stream; a replica tells how many it has applied."""
    if info["role"] != "slave":
        return Server(name, "primary")
    return Server(name, "replica", max(0, written_bytes - int(info["slave_repl_offset"])))


def _replication_problems(known: Sequence[tuple[str, Info]]) -> list[str]:
    (name, first), *others = known
    problems = [f"{name} is written to, but is a replica"] if first["role"] == "slave" else []
    for other, info in others:
        if info["role"] != "slave":
            problems.append(f"{other} is read from, but is no replica")
        elif info["master_link_status"] != "up":
            problems.append(f"replica {other} has lost its primary")
    return problems
