"""A token: made and shown once, stored as a hash, refused once it is expired, revoked, altered or somebody else's."""

from __future__ import annotations

import io
import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.core.serializers import serialize
from django.test import Client
from django.utils import timezone

import invalidation
from invalidation.contrib.ninja import secrets
from invalidation.contrib.ninja.models import Answer, Token
from invalidation.contrib.ninja.rows import tokens
from invalidation.models import Event
from tests.unit.api.conftest import ROOT, SITE, As, Caller, Grant, problem

TAG = {"tags": ["blog.post:42"]}


def token_command(*arguments: str) -> str:
    """What the command printed."""
    output = io.StringIO()
    call_command("invalidation_token", *arguments, stdout=output)
    return output.getvalue()


@pytest.mark.django_db
def test_a_token_of_the_command_is_shown_once_and_lets_its_holder_purge() -> None:
    made = json.loads(token_command("create", "deploy", "--scope", "purge", "--days", "30", "--format", "json"))
    assert Caller(made["token"]).post(TAG).status_code == 202
    listed = token_command("list") + token_command("list", "--format", "json")
    assert made["identifier"] in listed
    assert made["token"] not in listed


@pytest.mark.django_db
def test_the_table_of_the_command_shows_the_token_too() -> None:
    printed = token_command("create", "deploy", "--scope", "purge")
    assert secrets.PATTERN.search(printed)
    assert "not shown again" in printed


@pytest.mark.django_db
def test_a_token_has_256_random_bits_and_no_two_are_alike() -> None:
    made = [secrets.mint() for _ in range(200)]
    assert len({one.text for one in made}) == len({one.identifier for one in made}) == 200
    assert all(secrets.PATTERN.fullmatch(one.text) for one in made)


def test_the_database_holds_the_hash_alone(granted: Grant, caller: As) -> None:
    made = granted()
    Caller(made.text).post(TAG, Idempotency_Key="a")
    stored = serialize("json", [*Token.objects.all(), *Answer.objects.all(), *Event.objects.all()])
    assert made.text not in stored
    assert made.text.split("_", 2)[2] not in stored
    assert secrets.digest(made.text) in stored


def test_no_repr_holds_the_token(granted: Grant) -> None:
    made = granted()
    shown = f"{made!r} {made} {made.token!r} {made.token} {secrets.mint()!r}"
    assert "inv_" not in shown


@pytest.mark.parametrize("changed", ["last", "identifier", "case", "prefix", "hash", "half", "twice", "empty"])
def test_an_altered_token_is_refused(granted: Grant, changed: str) -> None:
    text = granted().text
    altered = {
        "last": text[:-1] + ("A" if text[-1] != "A" else "B"),
        "identifier": f"inv_{'0' * 12}{text[16:]}",
        "case": text.swapcase(),
        "prefix": text.removeprefix("inv_"),
        "hash": secrets.digest(text),
        "half": text[:-20],
        "twice": f"{text} {text}",
        "empty": " ",
    }[changed]
    problem(Caller(altered).post(TAG), 401)
    assert not Event.objects.exists()


def test_the_stored_hash_replayed_as_a_token_opens_nothing(granted: Grant) -> None:
    made = granted()
    problem(Caller(f"inv_{made.token.identifier}_{made.token.digest[:43]}").post(TAG), 401)
    problem(Caller(made.token.digest).post(TAG), 401)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Basic {0}",
        "Token {0}",
        "{0}",
        "Bearer {0}, Bearer {0}",
        "Bearer {0}\tx",
        "Bearer \u00e9",
        "bearer:{0}",
    ],
)
def test_only_a_bearer_token_in_its_header_counts(granted: Grant, header: str) -> None:
    text = granted().text
    refused = Client().get(ROOT + "purges", headers={"Authorization": header.format(text)})
    said = problem(refused, 401)
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert "invalidation_token create" in said["fix"]


def test_a_token_in_the_address_the_body_or_a_cookie_counts_as_none(granted: Grant) -> None:
    text = granted(scopes=["purge", "read"]).text
    client = Client()
    client.cookies["Authorization"] = client.cookies["token"] = f"Bearer {text}"
    problem(client.get(f"{ROOT}purges?token={text}&access_token={text}"), 401)
    problem(Caller(client=client).post({**TAG, "token": text}), 401)


@pytest.mark.django_db
def test_who_is_signed_in_is_nobody_here() -> None:
    client = Client()
    with invalidation.suspend("the reference site shows its users as authors"):
        client.force_login(User.objects.create_superuser("ada"))
    refused = Caller(client=client).post(TAG)
    problem(refused, 401)
    assert not refused.cookies


def test_no_answer_sets_a_cookie_and_none_is_needed_of_a_browser_s(caller: As) -> None:
    strict = Caller(caller().text, Client(enforce_csrf_checks=True))
    answered = strict.post(TAG)
    assert answered.status_code == 202
    assert not answered.cookies


def test_an_expired_token_is_refused_and_told_so(granted: Grant) -> None:
    made = granted(expires_at=timezone.now() + timedelta(hours=1))
    assert Caller(made.text).post(TAG).status_code == 202
    tokens.every().update(expires_at=timezone.now())
    assert "expired" in problem(Caller(made.text).post(TAG), 401)["detail"]
    assert Event.objects.count() == 1


def test_a_revoked_token_is_refused_at_once_also_for_what_it_had_asked_before(granted: Grant) -> None:
    made = granted()
    assert Caller(made.text).post(TAG, Idempotency_Key="a").status_code == 202
    token_command("revoke", "deploy")
    assert "revoked" in problem(Caller(made.text).post(TAG, Idempotency_Key="a"), 401)["detail"]
    assert made.token.identifier in token_command("list")


def test_who_does_not_know_the_secret_is_not_told_what_became_of_the_token(granted: Grant) -> None:
    made = granted()
    token_command("revoke", made.token.identifier)
    forged = f"inv_{made.token.identifier}_{'x' * 43}"
    unknown = f"inv_{'f' * 12}_{'x' * 43}"
    assert problem(Caller(forged).get("purges"), 401) == problem(Caller(unknown).get("purges"), 401)


def test_its_last_use_is_noted_to_the_minute(granted: Grant) -> None:
    made = granted()
    Caller(made.text).get("purges")
    first = tokens.every().get().last_used_at
    assert first
    Caller(made.text).get("purges")
    assert tokens.every().get().last_used_at == first
    tokens.every().update(last_used_at=first - timedelta(minutes=2))
    Caller(made.text).get("purges")
    assert tokens.every().get().last_used_at > first  # type: ignore[operator]


def test_a_refused_use_is_none(granted: Grant) -> None:
    made = granted(scopes=["status"])
    problem(Caller(made.text).post(TAG), 403)
    assert tokens.every().get().last_used_at is None


def test_a_token_pasted_into_the_wrong_place_is_not_repeated(granted: Grant, caplog: Any) -> None:
    made = granted()
    caplog.set_level(logging.DEBUG)
    bodies = [{"tags": [made.text]}, {made.text: 1}, {"reason": made.text}, {"tags": ["a"], "lane": made.text}]
    answers = [Caller(made.text).post(body).content.decode() for body in bodies]
    Caller(made.text[:-1] + "!").get("purges")
    assert made.text.split("_", 2)[2] not in caplog.text
    answers += [Caller(made.text).get(path).content.decode() for path in (made.text, f"purges/{made.text}", "health")]
    assert not [said for said in answers if made.text.split("_", 2)[2] in said]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "deploy"), "--scope"),
        (("create", "deploy", "--scope", "all"), "invalid choice"),
        (("create", "deploy", "--scope", "purge", "--host", "evil.example"), "blog.example"),
        (("create", "deploy", "--scope", "purge", "--tag", "Blog Post"), "are no tags"),
        (("create", "deploy", "--scope", "purge", "--tag", "a*b"), "are no tags"),
        (("create", "deploy", "--scope", "purge", "--days", "0"), "number of days"),
        (("create", "deploy", "--scope", "purge", "--days", "nan"), "number of days"),
        (("create", "deploy", "--scope", "purge", "--days", "1e300"), "number of days"),
        (("create", " ", "--scope", "purge"), "needs a name"),
        (("create", "deploy ", "--scope", "purge"), "needs a name"),
        (("create", "x" * 101, "--scope", "purge"), "at most 100"),
        (("revoke", "nobody"), "no such token"),
    ],
)
def test_a_token_that_can_not_be_made_is_one_clear_line(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        token_command(*arguments)
    assert not tokens.every().exists()


def test_a_name_is_never_given_twice_so_that_history_tells_them_apart(granted: Grant) -> None:
    granted()
    token_command("revoke", "deploy")
    with pytest.raises(CommandError, match="choose another name"):
        token_command("create", "deploy", "--scope", "purge")


@pytest.mark.django_db
def test_a_site_with_a_scheme_is_no_host() -> None:
    with pytest.raises(CommandError, match="are hosts of no site"):
        token_command("create", "deploy", "--scope", "purge", "--host", SITE)
