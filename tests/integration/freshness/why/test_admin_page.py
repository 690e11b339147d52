"""The admin's page that says why: to those who may view purges, when they press the button, of the site's own pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

import invalidation
from deploy.local import free_port
from invalidation.models import Batch, Event
from tests.integration.freshness.why.stage import Stage

pytestmark = pytest.mark.django_db

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]


@pytest.fixture
def site(stage: Stage, settings: Settings) -> Stage:
    """A page in a Varnish, purged and filled again; and the admin."""
    stage.visited()
    stage.purge(tags=["page:1"], reason="a court order")
    stage.visit(stage.servers.varnish.url)
    with_admin(settings)
    return stage


def with_admin(settings: Settings) -> None:
    """Beside the pages of the stage."""
    settings.ROOT_URLCONF = "tests.integration.freshness.why.urls"
    settings.MIDDLEWARE = MIDDLEWARE


def signed_in(*permissions: str, **options: Any) -> Client:
    with invalidation.suspend("the reference site shows its users as authors"):
        user = User.objects.create_user("grace", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(**options)
    client.force_login(user)
    return client


def address(query: str = "") -> str:
    return reverse("admin:invalidation_event_why") + query


def ask(client: Client, url: str) -> HttpResponse:
    return client.post(address(), {"url": url})  # type: ignore[return-value]


def asked(stage: Stage) -> list[str]:
    """From now on, the paths that the application is asked for."""
    paths: list[str] = []
    handler = stage.application.handler

    def noted(environment: dict[str, Any], start_response: Any) -> Any:
        paths.append(environment["PATH_INFO"])
        return handler(environment, start_response)

    stage.application.handler = noted
    return paths


@pytest.mark.parametrize("permission", ["view_event", "purge"])
def test_the_answer_names_every_copy_its_reason_and_the_purge_before_it(permission: str, site: Stage) -> None:
    shown = ask(signed_in(permission), site.path).content.decode()
    assert 'data-tier="varnish" data-code="newer"' in shown
    assert "newer than the last purge" in shown
    assert "page:1" in shown
    assert "a court order" in shown
    assert reverse("admin:invalidation_event_change", args=[Event.objects.get(reason="a court order").uid]) in shown
    assert reverse("admin:invalidation_batch_change", args=[Batch.objects.earliest("id").pk]) in shown


def test_a_node_that_tells_nothing_does_not_look_well(site: Stage, settings: Settings) -> None:
    site.stand(varnish=site.varnish(f"http://127.0.0.1:{free_port()}"))
    with_admin(settings)
    shown = ask(signed_in("view_event"), site.path).content.decode()
    assert 'inv-node inv-warn" data-tier="varnish" data-code="unreachable"' in shown
    assert "no copy is known to be old, but not every node told" in shown


def test_an_old_copy_is_told_as_such_with_what_to_do(site: Stage) -> None:
    site.claim()
    shown = ask(signed_in("view_event"), f"http://{site.host}{site.path}").content.decode()
    assert "a copy is older than its last purge" in shown
    assert "Are the workers of its queue running?" in shown


@pytest.mark.parametrize("permissions", [(), ("view_own",)])
def test_those_who_may_not_view_all_purges_ask_nobody(permissions: tuple[str, ...], site: Stage) -> None:
    paths, client = asked(site), signed_in(*permissions)
    assert client.get(address()).status_code == 403
    assert ask(client, "/another/").status_code == 403
    assert ask(Client(), "/another/").status_code == 302
    assert paths == []


def test_a_link_fills_the_form_and_asks_nobody(site: Stage) -> None:
    paths = asked(site)
    shown = signed_in("view_event").get(address(f"?{urlencode({'url': '/another/'})}")).content.decode()
    assert 'value="/another/"' in shown
    assert "inv-answer" not in shown
    assert paths == []


def test_another_site_can_not_press_the_button(site: Stage) -> None:
    paths = asked(site)
    assert ask(signed_in("view_event", enforce_csrf_checks=True), "/another/").status_code == 403
    assert paths == []


@pytest.mark.parametrize("url", ["", "page", "http://[", "http://elsewhere.test/page/", f"/{'x' * 3000}"])
def test_what_is_no_address_of_the_site_is_refused_and_nobody_is_asked(url: str, site: Stage) -> None:
    paths = asked(site)
    answer = ask(signed_in("view_event"), url)
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()
    assert paths == []


def test_a_path_of_very_many_sites_is_not_asked_for_on_each(site: Stage, settings: Settings) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "SITES": [f"http://{number}.test" for number in range(9)]}
    paths = asked(site)
    assert "name one of them" in ask(signed_in("view_event"), "/another/").content.decode()
    assert paths == []


def test_markup_in_an_address_stays_text(site: Stage) -> None:
    shown = ask(signed_in("view_event"), "/<script>alert(1)</script>/").content.decode()
    assert "<script>alert" not in shown


def test_the_page_of_an_event_leads_to_it(site: Stage) -> None:
    site.claim()
    event, client = Event.objects.latest("id"), signed_in("view_event")
    page = reverse("admin:invalidation_event_change", args=[event.pk])
    assert address(f"?{urlencode({'url': site.path})}") in client.get(page).content.decode()
