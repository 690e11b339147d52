"""The audit's page in the admin: the newest report, whoever made it, and a button that has a worker make another."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from deploy.local import Redis
from invalidation.audit import last_report
from invalidation.audit.findings import Finding, Kind, Report
from invalidation.contrib.celery import tasks
from invalidation.signals import audit_due
from project.settings import base
from tests.unit.audit.conftest import DATABASE, NGINX, SITE

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def page(settings: Settings, redis_server: Redis, server: redis.Redis) -> str:
    """Its address, on a site with an empty Redis."""
    settings.ROOT_URLCONF = base.ROOT_URLCONF
    settings.INVALIDATION = {"TIERS": {"nginx": NGINX}, "SITES": [SITE], "REDIS_URL": redis_server.url(DATABASE)}
    return reverse("admin:invalidation_event_audit")


def found(*subjects: str, kind: Kind = Kind.DEAD_TAG) -> Report:
    """A report with such findings."""
    findings = tuple(Finding(kind, subject, f"blame of {subject}", 3, f"detail of {subject}") for subject in subjects)
    return Report(AT, findings, {"pages": 12}, ("a note",), ("pages: no sitemap",), accepted=2)


def asked_for(browser: Client, page: str) -> int:
    """How many audits the button asks for."""
    asked: list[object] = []

    def note(**facts: object) -> None:
        asked.append(facts)

    audit_due.connect(note)
    try:
        browser.post(page)
    finally:
        audit_due.disconnect(note)
    return len(asked)


def test_findings_stand_under_what_mends_them_with_blame_and_when_it_was(admin_client: Client, page: str) -> None:
    last_report.remember(found("press", "blog.tag"), ["tags", "pages"])
    text = admin_client.get(page).content.decode()
    assert "2 things are to be mended" in text
    assert text.count(Kind.DEAD_TAG.words) == 1
    assert Kind.DEAD_TAG.code in text
    for word in ("press, 3 times", "blame of press", "detail of blog.tag", "12 pages", "a note", "pages: no sitemap"):
        assert word in text
    assert "2026-03-01T12:30:00" in text
    assert "pages, tags." in text


def test_without_a_report_it_says_how_one_is_made(admin_client: Client, page: str) -> None:
    assert "No audit is remembered" in admin_client.get(page).content.decode()


def test_a_report_without_findings_is_well_unless_something_could_not_be_looked_at(
    admin_client: Client, page: str
) -> None:
    last_report.remember(Report(AT), ["tags"])
    assert "Nothing is to be mended" in admin_client.get(page).content.decode()
    last_report.remember(found(), ["tags"])
    assert "Not everything could be looked at" in admin_client.get(page).content.decode()


def test_a_long_report_is_cut_and_says_so(admin_client: Client, page: str) -> None:
    last_report.remember(found(*(f"tag:{number}" for number in range(600))), ["tags"])
    text = admin_client.get(page).content.decode()
    assert "600 things are to be mended" in text
    assert "and 450 more" in text
    assert "tag:49," in text
    assert "tag:50," not in text


def test_what_a_finding_names_is_no_markup(admin_client: Client, page: str) -> None:
    last_report.remember(found("<script>alert(1)</script>"), ["tags"])
    assert "<script>alert(1)" not in admin_client.get(page).content.decode()


def test_the_command_s_report_is_remembered_with_its_parts(admin_client: Client, page: str) -> None:
    with pytest.raises(CommandError):
        call_command("invalidation_audit", "--part", "tags", stdout=io.StringIO())
    assert "the tag index knows no page" in admin_client.get(page).content.decode()
    remembered = last_report.remembered()
    assert remembered
    assert remembered["parts"] == ["tags"]


def test_a_worker_s_task_makes_one_of_every_part(page: str) -> None:
    assert "to mend" in tasks.audit()
    remembered = last_report.remembered()
    assert remembered
    assert remembered["parts"] == ["changes", "pages", "tags"]


def test_the_button_asks_for_one_and_those_who_may_only_look_have_none(client: Client, page: str) -> None:
    user = User.objects.create_user("clerk", is_staff=True)
    client.force_login(user)
    assert client.get(page).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_event"))
    assert "Audit now" not in client.get(page).content.decode()
    assert asked_for(client, page) == 0
    user.user_permissions.add(Permission.objects.get(codename="purge"))
    assert "Audit now" in client.get(page).content.decode()
    assert asked_for(client, page) == 1


def test_the_list_of_events_leads_to_it(admin_client: Client, page: str) -> None:
    seen: Any = admin_client.get(reverse("admin:invalidation_event_changelist"))
    assert f'href="{page}"' in seen.content.decode()
