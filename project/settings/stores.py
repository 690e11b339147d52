"""Builds DATABASES and CACHES from their URLs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import dj_database_url

SQLITE_OPTIONS = {
    # Readers never wait for the writer. NORMAL may lose the last commits on power loss, but never corrupts
    # (sqlite.org/wal.html, "Performance considerations").
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
    # Take the write lock at BEGIN, where SQLite waits `timeout` seconds for it: a deferred transaction that upgrades
    # later fails at once (Django's database notes, "Database is locked errors").
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
}


def database(url: str) -> dict[str, Any]:
    """One entry of DATABASES."""
    declared: dict[str, Any] = dict(dj_database_url.parse(url))
    if declared["ENGINE"] == "django.db.backends.sqlite3":
        declared.setdefault("OPTIONS", {}).update(SQLITE_OPTIONS)
    # Opening one takes longer than a whole delivery, even for SQLite: Django registers dozens of functions.
    return declared | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


def beside(declared: dict[str, Any]) -> dict[str, Any]:
    """A second database of the same kind, for tests alone."""
    on_disk = declared["ENGINE"] != "django.db.backends.sqlite3"
    return declared | {"ATOMIC_REQUESTS": False, "TEST": {"NAME": "test_other"} if on_disk else {}}


def redis_database(url: str, number: int) -> str:
    """The same server, another database; an empty `url` stays empty."""
    return urlsplit(url)._replace(path=f"/{number}").geturl() if url else ""


def cache(redis_url: str) -> dict[str, Any]:
    """One entry of CACHES: Redis, bounded in time, or the process' own memory where there is no Redis."""
    if not redis_url:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "blog"}
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": redis_url,
        "KEY_PREFIX": "blog",
        "TIMEOUT": 3600,
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": 0.5,
            "SOCKET_TIMEOUT": 0.5,
            # A page is rendered without its cached values when Redis is away; DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS
            # keeps that visible.
            "IGNORE_EXCEPTIONS": True,
            "CONNECTION_POOL_CLASS": "project.redis.PausingPool",
        },
    }
