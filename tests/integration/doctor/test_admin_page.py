"""The doctor's page in the admin."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from deploy.local import Redis
from invalidation import doctor
from invalidation.doctor import Fault, Finding, Report, last_report
from invalidation.freshness.clients import keep
from invalidation.signals import examination_due

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(settings: Settings, redis_server: Redis) -> str:
    settings.INVALIDATION = {"TIERS": {}, "REDIS_URL": redis_server.url(5)}
    return reverse("admin:invalidation_event_doctor")


def test_the_newest_report_is_shown_with_words_and_remedy(admin_client: Client, page: str) -> None:
    finding = Finding(Fault.PURGE_FORWARDED, "nginx", "http://127.0.0.1:1")
    doctor.remember(Report(doctor.examine().examined_at, (finding,), ("settings",)))
    text = admin_client.get(page).content.decode()
    assert "passes PURGE on" in text
    assert "invalidation_proxy" in text
    assert "nginx 127.0.0.1:1: The node passes" in text


def test_a_report_that_comes_while_somebody_looks_is_shown_to_them(admin_client: Client, page: str) -> None:
    keep(last_report.KEY, None)
    assert 'data-live="?fragment" data-live-seconds="4"' in admin_client.get(page).content.decode()
    assert "No examination is remembered" in admin_client.get(f"{page}?fragment").content.decode()
    doctor.remember(doctor.examine())
    fragment = admin_client.get(f"{page}?fragment").content.decode()
    assert 'id="verdict"' in fragment
    assert "<html" not in fragment


def test_the_button_asks_for_an_examination(admin_client: Client, page: str) -> None:
    asked: list[object] = []

    def note(**facts: object) -> None:
        asked.append(facts)

    examination_due.connect(note)
    try:
        assert admin_client.post(page).status_code == 302
    finally:
        examination_due.disconnect(note)
    assert len(asked) == 1


def test_those_who_may_see_nothing_see_nothing(client: Client, page: str) -> None:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert client.get(page).status_code == 403
    assert client.post(page).status_code == 403
