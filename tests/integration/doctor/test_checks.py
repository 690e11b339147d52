"""What `manage.py check --deploy` finds without asking anybody."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.checks import run_checks
from django.db.utils import ConnectionHandler
from pytest_django import Settings

import invalidation
from invalidation.checks import database
from invalidation.emission import registry
from tests.fixtures.grouped import grouped

VARNISH = "invalidation.providers.varnish.Varnish"
NGINX = "invalidation.providers.nginx.Nginx"
SECRET = "a-secret-of-the-tests"


def tier(provider: str, *fills_from: str, node: str = "http://127.0.0.1:1", **options: Any) -> dict[str, Any]:
    return {
        "PROVIDER": provider,
        "NODES": [node],
        "FILLS_FROM": list(fills_from),
        "OPTIONS": {"SECRET": SECRET, **options},
    }


def found(settings: Settings, sites: tuple[str, ...] = ("https://example.com",), **tiers: Any) -> set[str]:
    known = {"SITES": list(sites), "REDIS_URL": "redis://127.0.0.1:1/0", "QUERY_PARAMETERS": ["page"]}
    settings.INVALIDATION = grouped({"TIERS": tiers, **known})
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    ids = {str(message.id) for message in run_checks(tags=["invalidation"], include_deployment_checks=True)}
    return ids - {"invalidation.W002", "invalidation.W003", "invalidation.W007"}


def test_a_good_configuration_is_passed(settings: Settings) -> None:
    assert found(settings, varnish=tier(VARNISH)) == set()


@pytest.mark.parametrize(
    ("declared", "warned"), [({}, True), ({"QUERY_PARAMETERS": []}, False), ({"QUERY_PARAMETERS": {"^/$": []}}, False)]
)
def test_row_4_a_site_that_declares_no_query_parameters_is_warned_and_told_the_remedy(
    settings: Settings, declared: dict[str, Any], warned: bool
) -> None:
    settings.INVALIDATION = grouped({"TIERS": {"varnish": tier(VARNISH)}, "SITES": ["https://example.com"], **declared})
    hints = [message.hint for message in run_checks(tags=["invalidation"]) if message.id == "invalidation.W008"]
    assert ["['page'], [] for none" in str(hint) for hint in hints] == [True] * warned


def test_without_a_tier_of_responses_no_query_parameters_are_missed(settings: Settings) -> None:
    settings.INVALIDATION = {"TIERS": {}}
    assert "invalidation.W008" not in {message.id for message in run_checks(tags=["invalidation"])}


def test_f23_a_soft_purge_of_an_inner_tier_is_refused(settings: Settings) -> None:
    outer = tier(NGINX, "varnish", node="http://127.0.0.1:2")
    assert found(settings, varnish=tier(VARNISH) | {"MODE": "invalidate"}, nginx=outer) == {"invalidation.E004"}


def test_f23_a_soft_purge_of_the_outermost_tier_is_allowed(settings: Settings) -> None:
    inner = tier(NGINX, node="http://127.0.0.1:2")
    assert found(settings, nginx=inner, varnish=tier(VARNISH, "nginx") | {"MODE": "invalidate"}) == set()


def test_two_tiers_with_one_node_are_refused(settings: Settings) -> None:
    assert found(settings, varnish=tier(VARNISH), nginx=tier(NGINX, "varnish")) == {"invalidation.E005"}


def test_a_site_without_the_middleware_is_refused(settings: Settings) -> None:
    settings.MIDDLEWARE = []
    assert found(settings, varnish=tier(VARNISH)) == {"invalidation.E006"}


def test_a_middleware_inside_the_sessions_is_named(settings: Settings) -> None:
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "invalidation.middleware.CacheTagMiddleware",
    ]
    assert found(settings, varnish=tier(VARNISH)) == {"invalidation.W004"}


def test_a_short_secret_is_named(settings: Settings) -> None:
    assert found(settings, varnish=tier(VARNISH, SECRET="short")) == {"invalidation.W005"}


@pytest.mark.parametrize("site", ["http://example.com", "http://127.0.0.1:8000"])
def test_a_site_without_https_is_named(settings: Settings, site: str) -> None:
    assert found(settings, (site,), varnish=tier(VARNISH)) == {"invalidation.W006"}


@pytest.mark.parametrize(
    "values",
    [
        {"TIERS": {"varnish": {**tier(VARNISH), "NODES": ["http://admin:hunter2@10.0.0.5:6081"]}}},
        {"TIERS": {"varnish": {**tier(VARNISH), "NODES": ["hunter2@10.0.0.5:6081"]}}},
        {"SITES": ["https://admin:hunter2@example.com"]},
    ],
)
def test_credentials_in_an_address_are_refused_unseen(settings: Any, values: dict[str, Any]) -> None:
    settings.INVALIDATION = values
    messages = run_checks(tags=["invalidation"])
    (error,) = [message for message in messages if message.id == "invalidation.E001"]
    assert "OPTIONS, such as 'SECRET'" in error.msg
    assert "hunter2" not in str(messages)


@pytest.mark.parametrize(("outboxes", "warned"), [(["default"], True), (["default", "other"], False)])
def test_a_database_without_an_outbox_beside_one_with_it_is_named(
    settings: Settings, outboxes: list[str], warned: bool
) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "DATABASES": outboxes}
    messages = [message for message in run_checks(tags=["invalidation"]) if message.id == "invalidation.W007"]
    assert [("'other'" in message.msg) for message in messages] == [True] * warned


def test_an_https_site_whose_scheme_nobody_tells_is_warned(settings: Settings) -> None:
    settings.INVALIDATION = {"TIERS": {"varnish": tier(VARNISH)}, "SITES": ["https://example.com"]}
    messages = run_checks(tags=["invalidation"], include_deployment_checks=True)
    [hint] = [str(message.hint) for message in messages if message.id == "invalidation.W011"]
    assert "SECURE_PROXY_SSL_HEADER" in hint


def test_the_settings_of_tests_are_refused_in_a_deployment(settings: Settings) -> None:
    settings.INVALIDATION = {"OFFLINE": True, "TIERS": {}}
    messages = run_checks(tags=["invalidation"], include_deployment_checks=True)
    assert "invalidation.E008" in {message.id for message in messages}


@pytest.mark.parametrize(
    ("name", "options", "warned"),
    [
        ("site.sqlite3", {}, True),
        ("site.sqlite3", {"transaction_mode": "DEFERRED"}, True),
        ("site.sqlite3", {"transaction_mode": "IMMEDIATE"}, False),
        (":memory:", {}, False),
    ],
)
def test_sqlite_whose_transactions_can_not_wait_is_warned_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, str], warned: bool
) -> None:
    declared = {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "OPTIONS": options}
    handler = ConnectionHandler({"default": declared})
    monkeypatch.setattr(database, "connections", handler)
    hints = [str(message.hint) for message in database.check_databases()]
    assert ["'transaction_mode': 'IMMEDIATE'" in hint for hint in hints] == [True] * warned


def test_models_of_packages_are_named_once_with_the_way_to_silence(settings: Settings) -> None:
    for model in (Group, Permission):
        invalidation.register(model)
    try:
        found = [message for message in run_checks(tags=["models"]) if message.id == "invalidation.W010"]
        [message] = found
        assert "auth.Group, auth.Permission" in message.msg
        assert "SILENCED_SYSTEM_CHECKS = ['invalidation.W010']" in str(message.hint)
        settings.SILENCED_SYSTEM_CHECKS = ["invalidation.W010"]
        assert message.is_silenced()
        named = {one.obj for one in run_checks(tags=["models"]) if one.id == "invalidation.W002"}
        assert not {Group, Permission} & named
    finally:
        for model in (Group, Permission):
            registry.unregister(model)
