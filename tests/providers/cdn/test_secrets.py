"""Secrets stay where they are configured: no log, row, task argument, page, plan or traceback shows one."""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import structlog
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.views.debug import ExceptionReporter
from pytest_django import Settings

import invalidation
from deploy.local import Nginx, Redis, Varnish
from invalidation import conf, doctor
from invalidation.contrib.celery.host import application
from invalidation.exceptions import DeliveryError
from invalidation.models import Delivery
from invalidation.pipeline.delivery import deliver
from invalidation.pipeline.intake import drain
from invalidation.providers.registry import provider
from invalidation.rows.states import FINAL
from tests.fixtures.servers import SECRET
from tests.providers.cdn.pipeline import SITE, hours_later
from tests.providers.cdn.products import PRODUCTS

VENDORS = ("cloudflare", "cloudfront", "fastly")
#: Failures in which a vendor has the chance to repeat what we sent, and one that is a defect of ours.
TROUBLES = (("echo", 2), ("unauthorized", 6), ("garbage", 2), ("reset", 2))
TURNS = 14

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]


class Listening(logging.Handler):
    """Keeps every line of every logger, traceback included, as a formatter would write it."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{logging.Formatter().format(record)} {record.__dict__!r}")


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What is logged, by anybody, down to the lowest level."""
    listening, root = Listening(), logging.getLogger()
    before = root.level
    root.addHandler(listening)
    root.setLevel(logging.NOTSET)
    yield listening.lines
    root.removeHandler(listening)
    root.setLevel(before)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names and arguments of the tasks that would travel through the broker."""
    tasks: list[str] = []
    monkeypatch.setattr(application(), "send_task", lambda name, **options: tasks.append(f"{name} {options!r}"))
    return tasks


@pytest.fixture
def vendors() -> Iterator[dict[str, Any]]:
    """The CDNs' stand-ins, running, by name."""
    with ExitStack() as running:
        made = {name: PRODUCTS[name]() for name in VENDORS}
        for product in made.values():
            running.enter_context(product.vendor)
        yield made


@pytest.fixture
def secrets(
    settings: Settings, vendors: dict[str, Any], redis_server: Redis, varnish_server: Varnish, nginx_server: Nginx
) -> list[str]:
    """Declares every tier there is, and names all their secrets."""
    tiers: dict[str, Any] = {
        "varnish": _proxy("varnish.Varnish", varnish_server.url, SECRET),
        "nginx": _proxy("nginx.Nginx", nginx_server.url, SECRET),
        "refused": _proxy("varnish.Varnish", varnish_server.url, "a-wrong-secret-of-the-tests"),
        "away": _proxy("nginx.Nginx", "http://127.0.0.1:1", SECRET),
    }
    for name, product in vendors.items():
        path = f"{product.provider_class.__module__}.{product.provider_class.__qualname__}"
        tiers[name] = {"PROVIDER": path, "OPTIONS": {**product.options, "TIMEOUT_SECONDS": 2.0}}
    settings.INVALIDATION = {
        "TIERS": tiers,
        "SITES": [SITE],
        "REDIS_URL": redis_server.url(5),
        "BACKLOG": {"LINGER_MILLISECONDS": 0},
        "RETRY": {"MAX_ATTEMPTS": 4, "BREAKER_FAILURES": 1000},
    }
    return [SECRET, "a-wrong-secret-of-the-tests", *(product.secret for product in vendors.values())]


def _proxy(name: str, url: str, secret: str) -> dict[str, Any]:
    return {"PROVIDER": f"invalidation.providers.{name}", "NODES": [url], "OPTIONS": {"SECRET": secret}}


def _purge() -> None:
    """One event through every tier, to its end."""
    invalidation.invalidate(tags=["blog.post"], urls=[f"{SITE}/a/"], prefixes=[f"{SITE}/b/"], reason="a test")
    drain.drain()
    for _ in range(TURNS):
        waiting = Delivery.objects.exclude(status__in=FINAL).values_list("pk", flat=True)
        for delivery in list(waiting):
            deliver.deliver("default", delivery)
        hours_later()


def _rows() -> str:
    """Every column of every row of every table."""
    stored = set(connection.introspection.table_names())
    models = [model for model in apps.get_models() if model._meta.db_table in stored]
    return "\n".join(repr(row) for model in models for row in model._default_manager.values())


def _pages(browser: Client) -> str:
    """The admin, as an operator sees it, and the plan of a purge."""
    names = [f"admin:invalidation_{name}" for name in ("event_purge", "event_overview", "event_doctor")]
    names += [f"admin:invalidation_{name}_changelist" for name in ("event", "batch", "delivery", "verification")]
    addresses = [reverse(name) for name in names if _exists(name)]
    for model in ("event", "batch", "delivery"):
        rows = apps.get_model("invalidation", model)._default_manager.values_list("pk", flat=True)
        addresses += [reverse(f"admin:invalidation_{model}_change", args=[pk]) for pk in rows]
    asked = {"tags": "blog.post", "lane": "editorial", "preview": "1"}
    answers = [browser.get(address) for address in addresses]
    answers.append(browser.post(reverse("admin:invalidation_event_purge"), asked))
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    return "\n".join(answer.content.decode() for answer in answers)


def _exists(name: str) -> bool:
    with suppress(Exception):
        return bool(reverse(name))
    return False


def _commands() -> str:
    """What the commands print."""
    printed = io.StringIO()
    for arguments in (
        ("invalidation_status", "--format", "json"),
        ("purge", "--tag", "blog.post", "--dry-run"),
        ("check", "--tag", "invalidation"),
        ("invalidation_doctor",),
    ):
        try:
            call_command(*arguments, stdout=printed, stderr=printed)
        except (CommandError, SystemExit) as error:
            printed.write(str(error))
    return printed.getvalue()


def _tracebacks(vendors: dict[str, Any]) -> str:
    """What Python and what Django's error report make of every tier's failure, and the reprs of all that is named."""
    shown = [repr(conf.settings())]
    faults = [(tier, fault) for fault in ("echo", "reset") for tier in conf.settings().tiers.values()]
    for tier, fault in faults:
        node = provider(tier.name, tier.nodes[0])
        shown.append(repr(node))
        if tier.name in vendors:
            vendors[tier.name].vendor.forget()
            vendors[tier.name].vendor.fail(fault)
        named = {"reference": "a-test"} if node.needs_reference else {}
        try:
            node.purge_urls([f"{SITE}/a/"], **named)
        except DeliveryError as error:
            shown += [*traceback.format_exception(error), repr(error), repr(vars(error))]
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next  # our own frame knows the secrets
            reporter = ExceptionReporter(None, type(error), error, error.__traceback__)
            shown += [reporter.get_traceback_text(), reporter.get_traceback_html()]
    return "\n".join(shown)


def test_no_secret_is_shown_anywhere(
    secrets: list[str], vendors: dict[str, Any], heard: list[str], sent: list[str], admin_client: Client
) -> None:
    with structlog.testing.capture_logs() as events:
        _purge()
        for kind, times in TROUBLES:
            for product in vendors.values():
                product.vendor.fail(kind, times)
            _purge()
        doctor.remember(doctor.examine())
        places = {
            "database": _rows(),
            "pages": _pages(admin_client),
            "commands": _commands(),
            "tracebacks": _tracebacks(vendors),
        }
    places |= {"logs": "\n".join([*heard, *map(repr, events)]), "tasks": "\n".join(sent)}
    statuses = set(Delivery.objects.values_list("tier", "status"))
    assert {(name, "purged") for name in ("varnish", "nginx", *VENDORS)} <= statuses
    assert ("refused", "rejected") in statuses
    assert ("away", "dead") in statuses
    assert [place for place, text in places.items() if not text] == []
    leaks = {(place, secret) for place, text in places.items() for secret in secrets if secret in text}
    assert not leaks
