"""The production settings on real servers: a Redis with a replica, PostgreSQL (C1, C8; F14, F15, F16)."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from pytest_django import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.local import Postgres, Redis, free_port, wait_for
from project.redis import MISSED
from project.settings import policy, stores
from tests.integration.production.examine import REMOVED
from tests.stand_ins.server import Request, Response, Server

pytestmark = pytest.mark.takes(22)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def replica_server(state_folder: Path, redis_server: Redis) -> Iterator[Redis]:
    with Redis(state_folder, name="production-replica", replica_of=redis_server) as server:
        wait_for(lambda: linked(server), 20, "the replica to follow its primary")
        yield server


def linked(server: Redis) -> bool:
    with redis.Redis.from_url(server.url()) as client:
        information: Any = client.info("replication")
        return bool(information["master_link_status"] == "up")


@pytest.fixture(scope="module")
def environment(
    tmp_path_factory: pytest.TempPathFactory, redis_server: Redis, replica_server: Redis, postgres_server: Postgres
) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "project.settings.production",
        "SECRET_KEY": "production-tests-" + "aB3$" * 15,
        "SITE_URLS": "https://testserver",
        "STATIC_ROOT": str(tmp_path_factory.mktemp("static")),
        "DATABASE_URL": postgres_server.create_database("production"),
        "REDIS_URL": redis_server.url(),
        "CACHE_REDIS_URL": redis_server.url(12),
        "CACHE_REPLICA_URLS": replica_server.url(12),
        "STATIC_CDN_URL": "https://cdn.example",
        "PYTHONPATH": str(ROOT),
    }


def ended(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def run(environment: dict[str, str], *arguments: str) -> str:
    done = ended(environment, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def facts(environment: dict[str, str]) -> dict[str, Any]:
    """What the site saw of itself."""
    run(environment, "manage.py", "migrate", "--verbosity", "0")
    run(environment, "manage.py", "collectstatic", "--no-input", "--verbosity", "0")
    [line] = [
        line for line in run(environment, "-m", "tests.integration.production.examine").splitlines() if "FACTS " in line
    ]
    document: dict[str, Any] = json.loads(line.partition("FACTS ")[2])
    return document


def test_the_site_serves_its_pages_over_https_alone(facts: dict[str, Any]) -> None:
    home = facts["pages"]["home"]
    assert (home["status"], facts["pages"]["plain"]) == (200, 301)
    headers = {name.lower(): value for name, value in home["headers"].items()}
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains; preload"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"


def test_it_stands_on_a_pool_of_postgresql(facts: dict[str, Any]) -> None:
    assert (facts["vendor"], facts["pool"]) == ("postgresql", 10)


def test_f14_writes_go_to_the_primary_and_replicas_are_only_read(
    facts: dict[str, Any], redis_server: Redis, replica_server: Redis
) -> None:
    [default] = [one for one in facts["report"]["caches"] if one["alias"] == "default"]
    assert default["problems"] == []
    assert [(server["name"], server["role"]) for server in default["servers"]] == [
        (f"127.0.0.1:{redis_server.port}", "primary"),
        (f"127.0.0.1:{replica_server.port}", "replica"),
    ]


def test_f14_a_sharding_client_writes_to_replicas(
    settings: Settings, redis_server: Redis, replica_server: Redis
) -> None:
    locations = [redis_server.url(12), replica_server.url(12)]
    naive = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": locations}
    settings.CACHES = {
        "default": naive | {"OPTIONS": {"CLIENT_CLASS": "django_redis.client.ShardClient"}},
        "ours": production(locations[0], [locations[1]])["default"],
    }
    with pytest.raises(Exception, match="read only replica"):
        fill(caches["default"])
    fill(caches["ours"])


def fill(cache: Any) -> None:
    for number in range(50):
        assert cache.set(f"key {number}", number)


def test_f14_model_instances_can_be_cached_and_texts_are_compressed(
    facts: dict[str, Any], settings: Settings, redis_server: Redis
) -> None:
    assert facts["stored"]["user"] == 1
    assert facts["stored"]["bytes"] < 1000
    settings.CACHES = {"default": production(redis_server.url(12), [])["default"]}
    caches["default"].set("user", User(username="ada"))
    assert caches["default"].get("user").username == "ada"


class Bait:
    """Code in the form of a value."""

    def __reduce__(self) -> Any:
        return eval, ("'code has run'",)


def test_whoever_writes_to_the_redis_of_the_cache_runs_code_where_its_values_are_read(
    settings: Settings, redis_server: Redis
) -> None:
    """Django's own serializer does so too: it is why nobody but the site may reach that Redis."""
    settings.CACHES = {"default": production(redis_server.url(12), [])["default"]}
    ours: Any = caches["default"]
    ours.client.get_client(write=True).set(ours.make_key("bait"), pickle.dumps(Bait()))
    assert ours.get("bait") == "code has run"


@pytest.mark.parametrize(
    "value",
    [User(pk=1), [User(pk=1), User(pk=2)], {"published_at": datetime.now(UTC)}, {"one", "other"}, ("one", "other")],
    ids=["instance", "rows", "moment", "set", "tuple"],
)
def test_f14_values_come_back_as_they_were_where_msgpack_refuses_or_changes_them(
    settings: Settings, redis_server: Redis, value: Any
) -> None:
    serializer = "django_redis.serializers.msgpack.MSGPackSerializer"
    naive = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis_server.url(12)}
    settings.CACHES = {
        "default": naive | {"OPTIONS": {"SERIALIZER": serializer}},
        "ours": production(redis_server.url(12), [])["default"],
    }
    assert [is_kept(caches[alias], value) for alias in ("default", "ours")] == [False, True]


def is_kept(cache: Any, value: Any) -> bool:
    try:
        cache.set("kept", value)
    except TypeError:
        return False
    return bool(cache.get("kept") == value)


def test_f14_a_redis_that_is_away_is_logged_and_counted_where_the_naive_settings_hide_it(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    away = f"redis://127.0.0.1:{free_port()}"
    options = {"IGNORE_EXCEPTIONS": True, "CONNECTION_POOL_KWARGS": {"retry": Retry(NoBackoff(), 0)}}
    naive = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"{away}/1", "OPTIONS": options}
    settings.CACHES = production(f"{away}/0", []) | {"naive": naive}
    ours = seen(caches["default"], caplog)
    settings.DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = False
    assert (seen(caches["naive"], caplog), ours) == ((0, 0), (1, 2))


def seen(cache: Any, caplog: pytest.LogCaptureFixture) -> tuple[int, float]:
    """Lines of log and missed calls that two reads bring."""
    caplog.clear()
    before = MISSED._value.get()
    assert [cache.get("key", "none"), cache.get("key", "none")] == ["none", "none"]
    return len(caplog.records), MISSED._value.get() - before


def production(primary: str, replicas: list[str]) -> dict[str, Any]:
    return stores.caches(
        stores.cache(primary), primary, replica_urls=replicas, sessions_url=primary, temporary_url=primary
    )


def test_f15_no_setting_is_one_that_django_has_dropped(facts: dict[str, Any], settings: Settings) -> None:
    assert facts["removed"] == []
    settings.STATICFILES_STORAGE = "whitenoise.storage.CompressedManifestStaticFilesStorage"
    assert "Manifest" not in django_settings.STORAGES["staticfiles"]["BACKEND"]
    source = "".join(path.read_text() for path in (ROOT / "project/settings").glob("*.py"))
    assert [name for name in REMOVED if name in source] == []


def test_static_files_have_hashed_names_under_the_cdn(facts: dict[str, Any]) -> None:
    prefix, _, name = facts["static"].rpartition("/")
    assert prefix == "https://cdn.example/static/admin/css"
    assert len(name.split(".")) == 3
    headers = {name.lower(): value for name, value in facts["static_headers"].items()}
    assert headers["cache-control"] == f"max-age={policy.HASHED_SECONDS}, public, immutable"
    assert policy.HASHED_SECONDS == 365 * 24 * 60 * 60


def test_f16_nobody_is_signed_out_by_a_cache_that_evicts(facts: dict[str, Any]) -> None:
    assert facts["sessions"] == {"before": True, "after": True}


@pytest.mark.django_db
def test_f16_sessions_in_a_cache_alone_are_lost_with_it() -> None:
    alone = import_module("django.contrib.sessions.backends.cache").SessionStore()
    both = import_module("django.contrib.sessions.backends.cached_db").SessionStore()
    for session in (alone, both):
        session["user"] = "grace"
        session.save()
    caches["default"].clear()
    assert type(alone)(alone.session_key).get("user") is None
    assert type(both)(both.session_key).get("user") == "grace"


def test_every_cache_of_the_site_is_healthy(facts: dict[str, Any]) -> None:
    assert facts["report"]["problems"] == []
    kinds = {one["alias"]: one["kind"] for one in facts["report"]["caches"]}
    assert kinds == {"default": "redis", "sessions": "redis", "temporary": "redis", "local": "local"}


def test_the_generation_is_in_the_keys_of_values_alone(facts: dict[str, Any]) -> None:
    assert facts["stored"]["key"] == "blog:g0:1:text"
    declared = production("redis://127.0.0.1:1/0", [])
    assert [name for name, one in declared.items() if "KEY_FUNCTION" in one] == ["default"]


def test_uploads_go_to_a_bucket_where_one_is_named() -> None:
    declared = stores.media(bucket="uploads", region="eu-central-1", endpoint_url="", cdn_host="media.example")
    storage: Any = storages.create_storage(declared)
    assert storage.url("a/b.jpg") == "https://media.example/a/b.jpg"
    assert "FileSystem" in stores.media(bucket="", region="", endpoint_url="", cdn_host="")["BACKEND"]


class Bucket:
    """What S3 answers to a new object, and what it was sent."""

    def __init__(self) -> None:
        self.put: list[Request] = []

    def respond(self, request: Request) -> Response:
        """Nothing is there until it is put there."""
        if request.method == "PUT":
            self.put.append(request)
        return Response(200 if request.method == "PUT" else 404, b"")


def test_an_upload_is_put_into_the_bucket_with_its_lifetime(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "of-the-tests")
    bucket = Bucket()
    with Server(bucket, free_port()) as server:
        declared = stores.media(bucket="uploads", region="eu-central-1", endpoint_url=server.url, cdn_host="")
        name = storages.create_storage(declared).save("a.txt", ContentFile(b"uploaded"))
    [put] = bucket.put
    assert (name, put.target.partition("?")[0]) == ("a.txt", "/uploads/a.txt")
    assert put.headers["cache-control"] == f"public, max-age={policy.HASHED_SECONDS}, immutable"
    assert b"uploaded" in put.body


def test_sqlite_has_no_pool() -> None:
    declared = stores.database("sqlite:///x.sqlite3")
    assert stores.pooled(declared, 10) == declared
    assert stores.pooled(stores.database("postgresql://a:b@127.0.0.1/c"), 0)["CONN_MAX_AGE"] == 60


def test_check_deploy_is_silent_with_every_tier_declared(environment: dict[str, str]) -> None:
    declared = {
        "VARNISH_NODES": "http://10.0.0.5:6081",
        "NGINX_NODES": "http://10.0.0.6",
        "PURGE_SECRET": "a-secret-of-the-production-tests",
        "CLOUDFLARE_ZONE_ID": "0" * 32,
        "CLOUDFLARE_API_TOKEN": "a-token-of-the-production-tests",
    }
    done = ended(environment | declared, "-W", "error", "manage.py", "check", "--deploy", "--fail-level", "DEBUG")
    assert (done.returncode, done.stdout + done.stderr) == (0, "System check identified no issues (0 silenced).\n")
