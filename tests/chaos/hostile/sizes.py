"""How much memory, disk and table space everything takes, in megabytes, and the bounds on it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import redis
from django.db import connection

from deploy.local.processes import Service, children_of
from deploy.local.stack import Stack

MEGABYTE = 1024 * 1024
#: What settings allow, and what a process takes that has served a few pages, with room for half as much again.
BOUNDS: Mapping[str, float] = {
    "Redis": 256 + 64,  # INDEX_MAX_BYTES, and all else: queue, stamps, cached values
    "database": 128,
    "worker": 256,
    "web": 256,
    "beat": 192,
    "varnish": 256,  # its storage is 64, beside workspaces of threads
    "nginx": 192,
    "nginx files": 96,  # cache_size is 64; its manager looks now and then
}
#: What /proc counts in.
KILOBYTE = 1024


def sizes(stack: Stack) -> dict[str, float]:
    """All of them, now."""
    found = {name: resident(service) for name, service in stack.processes.items()}
    if stack.varnish:
        found["varnish"] = resident(stack.varnish)
    if stack.nginx:
        found["nginx"] = resident(stack.nginx)
        found["nginx files"] = files(stack.state_folder / "nginx" / "cache")
    return found | {"Redis": redis_memory(stack), "database": database()}


def resident(service: Service) -> float:
    """Of a process and its children."""
    return sum(map(_resident, (service.pid, *children_of(service.pid))))


def _resident(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * KILOBYTE / MEGABYTE
    return 0.0


def files(folder: Path) -> float:
    """On disk; some are removed while they are counted."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size
    return total / MEGABYTE


def redis_memory(stack: Stack) -> float:
    """What its data takes, whatever the machine gave it."""
    with redis.Redis(port=stack.redis.port) as client:
        information: dict[str, int] = client.info("memory")
    return information["used_memory"] / MEGABYTE


def database() -> float:
    """Tables and indexes, those of PostgreSQL itself included."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return float(cursor.fetchone()[0]) / MEGABYTE


def tables() -> dict[str, float]:
    """The largest of the app's own, with their indexes."""
    query = (
        "SELECT relname, pg_total_relation_size(relid) FROM pg_catalog.pg_statio_user_tables "
        "WHERE relname LIKE 'invalidation%' ORDER BY 2 DESC"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {name: size / MEGABYTE for name, size in cursor.fetchall()}
