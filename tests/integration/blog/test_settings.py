"""How the environment becomes settings."""

from __future__ import annotations

import logging

import pytest
from django.core.exceptions import ImproperlyConfigured

from project.settings import environment, logs, stores
from project.settings.tiers import tiers


def test_a_tier_is_declared_where_its_nodes_are_named_and_fills_from_the_next_one_inside() -> None:
    declared = tiers(redis=True, varnish=["http://v:1"], nginx=["http://n:1", "http://n:2"], secret="s")
    assert list(declared) == ["cache", "varnish", "nginx"]
    assert (declared["varnish"]["FILLS_FROM"], declared["nginx"]["FILLS_FROM"]) == (["cache"], ["varnish"])
    assert declared["nginx"]["NODES"] == ["http://n:1", "http://n:2"]


def test_without_varnish_nginx_fills_from_the_application() -> None:
    assert tiers(redis=True, varnish=[], nginx=["http://n:1"], secret="s")["nginx"]["FILLS_FROM"] == ["cache"]
    assert tiers(redis=False, varnish=[], nginx=[], secret="") == {}


def test_one_redis_url_names_three_databases() -> None:
    assert stores.redis_database("redis://:word@127.0.0.1:6379", 2) == "redis://:word@127.0.0.1:6379/2"
    assert stores.redis_database("", 2) == ""


def test_sqlite_waits_for_its_writer_and_postgresql_keeps_its_connection() -> None:
    assert stores.database("sqlite:///x.sqlite3")["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert stores.database("postgresql://a:b@127.0.0.1:5432/c")["CONN_MAX_AGE"] == 60


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY"):
        environment.required("SECRET_KEY")


def test_a_list_is_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VARNISH_NODES", "http://a:1, http://b:1,")
    assert environment.words("VARNISH_NODES") == ["http://a:1", "http://b:1"]


def fail(secret: str) -> int:
    """Raise, with a secret among the variables."""
    return int(len(secret) * "number")


@pytest.mark.parametrize("json", [True, False])
def test_a_logged_error_shows_where_it_happened_and_no_variable(json: bool) -> None:
    handler = logging.StreamHandler()
    line = logs.logging(json=json, level="INFO")["formatters"]["line"]
    handler.setFormatter(line["()"](**{name: value for name, value in line.items() if name != "()"}))
    with pytest.raises(ValueError, match="number") as raised:
        fail("only in a variable".upper())
    parts = (raised.type, raised.value, raised.tb)
    printed = handler.format(logging.LogRecord("test", logging.ERROR, __file__, 1, "It failed", None, parts))
    assert "in fail" in printed
    assert "ONLY IN A VARIABLE" not in printed
