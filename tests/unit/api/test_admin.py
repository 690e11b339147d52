"""Tokens in the admin: who may make them, what is shown once and never again, and how they are revoked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import invalidation
from invalidation.contrib.ninja import secrets
from invalidation.contrib.ninja.models import Token
from invalidation.contrib.ninja.rows import tokens
from tests.unit.api.conftest import Caller, Grant, problem

ADD = "admin:invalidation_api_token_add"
LIST = "admin:invalidation_api_token_changelist"


@pytest.fixture
def sign_in(db: None) -> Callable[..., Client]:
    """A browser of a member of staff with these permissions."""

    def sign_in_with(*permissions: str) -> Client:
        with invalidation.suspend("the reference site shows its users as authors"):
            user = User.objects.create_user("grace", is_staff=True)
            user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.force_login(user)
        return client

    return sign_in_with


def make(browser: Client, **values: Any) -> Any:
    """Send the form."""
    return browser.post(reverse(ADD), {"name": "deploy", "scopes": ["purge"], **values})


def test_a_new_token_is_shown_once_and_works(sign_in: Callable[..., Client]) -> None:
    browser = sign_in("add_token", "view_token", "purge")
    page = make(browser, hosts="blog.example")
    [text] = [found[0] for found in secrets.PATTERN.finditer(page.content.decode())]
    assert "no-store" in page.headers["Cache-Control"]
    assert Caller(text).post({"urls": ["https://blog.example/a/"]}).status_code == 202
    token = Token.objects.get()
    assert (token.created_by, token.hosts) == ("grace", ["blog.example"])
    later = [browser.get(reverse(LIST)), browser.get(reverse("admin:invalidation_api_token_change", args=[token.pk]))]
    for seen in later:
        assert seen.status_code == 200
        assert "deploy" in seen.content.decode()
        assert text not in seen.content.decode()
        assert token.digest not in seen.content.decode()
    assert text not in str([(entry.object_repr, entry.change_message) for entry in LogEntry.objects.all()])
    assert text not in str([row.get_decoded() for row in Session.objects.all()])
    assert LogEntry.objects.get().user.get_username() == "grace"


def test_the_page_of_a_token_says_in_words_what_it_may_do_and_for_how_long(
    sign_in: Callable[..., Client], granted: Grant
) -> None:
    made = granted()
    page = reverse("admin:invalidation_api_token_change", args=[made.token.pk])
    browser = sign_in("view_token")
    shown = browser.get(page).content.decode()
    for words in ("enqueue purges, and follow its own", "every host of the sites", "every tag", ">valid<", "never"):
        assert words in shown
    assert "&quot;purge&quot;" not in shown
    tokens.every().update(hosts=["blog.example"], expires_at=timezone.now())
    shown = browser.get(page).content.decode()
    for words in ("blog.example", "none: hosts alone", ">expired<"):
        assert words in shown


def test_the_form_of_a_token_has_one_button(sign_in: Callable[..., Client]) -> None:
    shown = sign_in("add_token", "view_token", "purge").get(reverse(ADD)).content.decode()
    assert 'name="_save"' in shown
    assert "_addanother" not in shown
    assert "_continue" not in shown


@pytest.mark.parametrize("scope", ["purge_everything", "purge_wide", "read", "status"])
def test_nobody_gives_away_what_he_may_not_do_himself(sign_in: Callable[..., Client], scope: str) -> None:
    page = make(sign_in("add_token", "purge"), scopes=["purge", scope])
    assert "You may not do this yourself" in page.content.decode()
    assert not tokens.every().exists()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"hosts": "evil.example"}, "hosts of no site"),
        ({"tags": "Blog"}, "are no tags"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "expired already"),
        ({"scopes": []}, "This field is required"),
        ({"name": ""}, "This field is required"),
        ({"name": "taken"}, "already exists"),
    ],
)
def test_bad_input_is_named_at_its_field(
    sign_in: Callable[..., Client], granted: Grant, values: dict[str, Any], words: str
) -> None:
    granted("taken")
    assert words in make(sign_in("add_token", "purge"), **values).content.decode()
    assert tokens.every().count() == 1


def test_those_without_permission_make_and_see_none(sign_in: Callable[..., Client], granted: Grant) -> None:
    granted()
    browser = sign_in("purge", "view_event")
    assert browser.get(reverse(LIST)).status_code == 403
    assert make(browser).status_code == 403


def test_a_token_is_revoked_by_an_action_that_is_logged(sign_in: Callable[..., Client], granted: Grant) -> None:
    made = granted()
    browser = sign_in("change_token")
    browser.post(reverse(LIST), {"action": "revoke", "_selected_action": [made.token.pk]})
    problem(Caller(made.text).get("purges"), 401)
    token = tokens.every().get()
    assert (token.revoked_by, bool(token.revoked_at)) == ("grace", True)
    assert LogEntry.objects.get().change_message == "Revoked."


def test_a_token_is_neither_changed_nor_deleted(sign_in: Callable[..., Client], granted: Grant) -> None:
    made = granted()
    browser = sign_in("view_token", "change_token", "delete_token")
    change, delete = (
        reverse(f"admin:invalidation_api_token_{verb}", args=[made.token.pk]) for verb in ("change", "delete")
    )
    assert browser.post(change, {"name": "other", "scopes": ["purge_everything"]}).status_code == 403
    assert browser.post(delete, {"post": "yes"}).status_code == 403
    assert tokens.every().get().name == "deploy"


def test_who_may_only_look_revokes_none(sign_in: Callable[..., Client], granted: Grant) -> None:
    made = granted()
    sign_in("view_token").post(reverse(LIST), {"action": "revoke", "_selected_action": [made.token.pk]})
    assert tokens.every().get().revoked_at is None
