"""What a token may ask for: its scopes, hosts and tags; and what it is not told."""

from __future__ import annotations

from typing import Any

import pytest

from invalidation.contrib.ninja.asking.scopes import PERMISSIONS, Scope
from invalidation.models import Batch, Delivery, Event, Verification
from invalidation.status import documents
from tests.unit.api.conftest import EVERY_SCOPE, OTHER, SITE, As, fields, problem

HOST, FOREIGN = "blog.example", "shop.example"


@pytest.mark.parametrize(
    ("path", "needed"),
    [("purges", {"read", "purge"}), ("tiers", {"status"}), ("health", {"status"})],
)
@pytest.mark.parametrize("scope", EVERY_SCOPE)
def test_every_request_needs_its_scope(caller: As, path: str, needed: set[str], scope: str) -> None:
    answered = caller(scopes=[scope]).get(path)
    assert answered.status_code == (200 if scope in needed else 403)
    if answered.status_code == 403:
        problem(answered, 403)
        assert 'error="insufficient_scope"' in answered.headers["WWW-Authenticate"]


@pytest.mark.parametrize("scope", [scope for scope in EVERY_SCOPE if scope != "purge"])
def test_a_token_without_the_scope_purge_purges_nothing(caller: As, scope: str) -> None:
    problem(caller(scopes=[scope]).post({"tags": ["a"]}), 403)
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("body", "scope"),
    [({"keys": ["sidebar"]}, "purge_keys"), ({"everything": True, "confirm_wide": True}, "purge_everything")],
)
def test_keys_and_everything_need_scopes_of_their_own(caller: As, body: dict[str, Any], scope: str) -> None:
    others = [one for one in EVERY_SCOPE if one != scope]
    assert scope in problem(caller("without", scopes=others).post(body), 403)["detail"]
    assert caller("with", scopes=["purge", scope]).post(body).status_code == 202


def test_a_whole_site_is_everything_by_another_name(caller: As) -> None:
    root = {"prefixes": [f"{SITE}/"], "confirm_wide": True}
    assert "purge_everything" in problem(caller("wide", scopes=["purge", "purge_wide"]).post(root), 403)["detail"]
    assert caller("all", scopes=["purge", "purge_everything"]).post(root).status_code == 202


def test_what_is_wide_must_be_confirmed_and_says_what_it_reaches(caller: As) -> None:
    asker = caller(scopes=["purge", "purge_everything"])
    refused = asker.post({"everything": True})
    assert fields(refused, 409) == ["confirm_wide"]
    assert "every copy" in problem(refused, 409)["detail"]
    assert not Event.objects.exists()


def test_while_redis_is_away_the_reach_of_a_tag_is_unknown_and_needs_the_wide_scope(caller: As, settings: Any) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "REDIS_URL": "redis://127.0.0.1:1/0"}
    assert "purge_wide" in problem(caller("plain").post({"tags": ["a"], "confirm_wide": True}), 403)["detail"]
    wide = caller("wide", scopes=["purge", "purge_wide"])
    problem(wide.post({"tags": ["a"]}), 409)
    assert wide.post({"tags": ["a"], "confirm_wide": True}).status_code == 202


@pytest.mark.parametrize(
    "body",
    [
        {"urls": [f"{OTHER}/a/"]},
        {"urls": [f"{SITE}/a/", f"{OTHER}/a/"]},
        {"urls": ["/a/"]},
        {"prefixes": [f"{OTHER}/a/"]},
        {"prefixes": ["/a/"]},
        {"urls": ["https://evil.example/"]},
        {"urls": ["http://blog.example/"]},
        {"urls": ["https://blog.example:8443/"]},
        {"tags": ["blog.post:42"]},
        {"keys": ["sidebar"]},
        {"everything": True, "confirm_wide": True},
    ],
)
def test_a_token_of_one_host_purges_no_other_and_nothing_that_belongs_to_none(caller: As, body: dict[str, Any]) -> None:
    asker = caller(scopes=EVERY_SCOPE, hosts=[HOST])
    problem(asker.post(body), 403)
    assert not Event.objects.exists()


def test_a_token_of_one_host_purges_that(caller: As) -> None:
    body = {"urls": [f"{SITE}/a/", "HTTPS://BLOG.EXAMPLE/b/".lower()], "prefixes": [f"{SITE}/blog/"]}
    assert caller(hosts=[HOST]).post(body).status_code == 202


def test_a_path_is_the_token_s_where_all_sites_are(caller: As) -> None:
    assert caller(hosts=[HOST, FOREIGN]).post({"urls": ["/a/"]}).status_code == 202


def test_a_host_that_is_no_site_s_any_more_is_no_longer_the_token_s(caller: As, settings: Any) -> None:
    asker = caller(hosts=[HOST])
    settings.INVALIDATION = {**settings.INVALIDATION, "SITES": [OTHER]}
    problem(asker.post({"urls": [f"{SITE}/a/"]}), 403)


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ("blog.post:42", 202),
        ("shop.item:1", 202),
        ("shop.", 202),
        ("shop", 403),
        ("blog.post", 403),
        ("blog.post:421", 403),
    ],
)
def test_a_token_of_some_tags_purges_those_alone(caller: As, tag: str, status: int) -> None:
    asker = caller(tags=["blog.post:42", "shop.*"])
    answered = asker.post({"tags": ["blog.post:42", tag]})
    assert answered.status_code == status
    if status == 403:
        assert fields(answered, 403) == ["tags[1]"]
    problem(asker.post({"urls": [f"{SITE}/a/"]}), 403)


def test_hosts_of_other_tokens_and_hosts_of_nobody_are_refused_in_the_same_words(caller: As) -> None:
    asker = caller(hosts=[HOST])
    configured, unknown = (asker.post({"urls": [f"{site}/a/"]}) for site in (OTHER, "https://evil.example"))
    assert problem(configured, 403) == problem(unknown, 403)


def test_a_purge_of_others_is_as_little_there_as_one_that_never_was(caller: As) -> None:
    foreign = caller("other").post({"tags": ["a"]}).json()["id"]
    asker = caller()
    never = "00000000-0000-4000-8000-000000000000"
    answers = [problem(asker.get(f"purges/{one}"), 404) for one in (foreign, never, "no-uuid")]
    assert answers[0] == answers[1] == answers[2]


def test_who_may_read_sees_the_purges_of_all(caller: As) -> None:
    foreign = caller("other").post({"tags": ["a"]}).json()["id"]
    assert caller(scopes=["read"]).get(f"purges/{foreign}").json()["id"] == foreign


def test_a_restricted_token_sees_its_own_alone_even_with_the_scope_read(caller: As) -> None:
    foreign = caller("other").post({"tags": ["a"]}).json()["id"]
    asker = caller(scopes=["purge", "read"], hosts=[HOST])
    own = asker.post({"urls": [f"{SITE}/a/"]}).json()["id"]
    problem(asker.get(f"purges/{foreign}"), 404)
    assert [one["id"] for one in asker.get("purges").json()["purges"]] == [own]


def test_an_event_of_a_person_with_the_token_s_name_is_not_the_token_s(caller: As) -> None:
    event = Event.objects.create(source="admin", actor="deploy", targets={"tags": ["a"]})
    problem(caller("deploy").get(f"purges/{event.uid}"), 404)


def test_a_purge_that_was_merged_with_others_tells_its_owner_nothing_of_them(caller: As) -> None:
    asker = caller(hosts=[HOST])
    own = asker.post({"urls": [f"{SITE}/a/"]}).json()["id"]
    merged = {"urls": [f"{SITE}/a/", f"{OTHER}/secret/"]}
    batch = Batch.objects.create(targets=merged, event_count=2)
    Event.objects.update(batch=batch, status="claimed")
    Delivery.objects.create(batch=batch, tier="outer", status="failed", error=f"503 for {OTHER}/secret/")
    for site in (SITE, OTHER):
        Verification.objects.create(batch=batch, tier="outer", url=f"{site}/secret/")
    shown = asker.get(f"purges/{own}")
    assert shown.json()["batch"]["targets"] == {"urls": [f"{SITE}/a/"]}
    assert [row["url"] for row in shown.json()["verifications"]] == [f"{SITE}/secret/"]
    assert OTHER not in shown.content.decode()
    assert OTHER not in asker.get("purges").content.decode()
    reader = caller("reader", scopes=["read"])
    assert reader.get(f"purges/{own}").json() == documents.document(documents.find(own))


def test_every_scope_has_the_permission_that_a_person_needs_to_give_it_away() -> None:
    assert set(PERMISSIONS) == set(Scope)
