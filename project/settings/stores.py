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


#: For values that may differ between processes for so many seconds.
LOCAL = {
    "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    "LOCATION": "local",
    "TIMEOUT": 60,
    "OPTIONS": {"MAX_ENTRIES": 1000},
}


def database(url: str) -> dict[str, Any]:
    """One entry of DATABASES."""
    declared: dict[str, Any] = dict(dj_database_url.parse(url))
    if declared["ENGINE"] == "django.db.backends.sqlite3":
        declared.setdefault("OPTIONS", {}).update(SQLITE_OPTIONS)
    # Opening one takes longer than a whole delivery, even for SQLite: Django registers dozens of functions.
    return declared | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


def pooled(declared: dict[str, Any], size: int) -> dict[str, Any]:
    """The same, but PostgreSQL's connections come from a pool of `size` in each process; 0 for none."""
    if not size or declared["ENGINE"] != "django.db.backends.postgresql":
        return declared
    # The pool keeps connections open, so a thread must give its own back after each request (Django's database notes).
    pool = {"min_size": 1, "max_size": size, "timeout": 10}
    options = declared.get("OPTIONS", {}) | {"pool": pool}
    return declared | {"CONN_MAX_AGE": 0, "OPTIONS": options}


def beside(declared: dict[str, Any]) -> dict[str, Any]:
    """A second database of the same kind, for tests alone."""
    on_disk = declared["ENGINE"] != "django.db.backends.sqlite3"
    return declared | {"ATOMIC_REQUESTS": False, "TEST": {"NAME": "test_other"} if on_disk else {}}


def redis_database(url: str, number: int) -> str:
    """The same server, another database; an empty `url` stays empty."""
    return urlsplit(url)._replace(path=f"/{number}").geturl() if url else ""


def caches(
    default: dict[str, Any], primary_url: str, *, replica_urls: list[str], sessions_url: str, temporary_url: str
) -> dict[str, Any]:
    """CACHES for production: values, sessions, what is worth little, and a few seconds of each process' own."""
    if not primary_url:
        return {"default": default, "sessions": default, "temporary": default, "local": LOCAL}
    shared = default | {
        # The first is written to, the others are read from; django-redis' ShardClient would write to all of them.
        "LOCATION": [primary_url, *replica_urls],
        # A deployment starts with keys of its own, and old and new code never read each other's pickles.
        "KEY_FUNCTION": "invalidation.freshness.generation.cache_key",
        "REVERSE_KEY_FUNCTION": "invalidation.freshness.generation.original_key",
        "OPTIONS": default["OPTIONS"] | {"COMPRESSOR": "django_redis.compressors.lz4.Lz4Compressor"},
    }
    sessions = cache(sessions_url) | {"KEY_PREFIX": "sessions", "TIMEOUT": 86_400}
    temporary = cache(temporary_url) | {"KEY_PREFIX": "temporary", "TIMEOUT": 300}
    return {"default": shared, "sessions": sessions, "temporary": temporary, "local": LOCAL}


def media(*, bucket: str, region: str, endpoint_url: str, cdn_host: str) -> dict[str, Any]:
    """STORAGES["default"]: a bucket of S3 or of what speaks like it, else the file system."""
    if not bucket:
        return {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    options = {
        "bucket_name": bucket,
        "region_name": region or None,
        "endpoint_url": endpoint_url or None,
        "custom_domain": cdn_host or None,
        # Public files under stable addresses; a name that is taken gets another, so that a copy never goes stale.
        "querystring_auth": False,
        "file_overwrite": False,
        "object_parameters": {"CacheControl": "public, max-age=31536000, immutable"},
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


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
