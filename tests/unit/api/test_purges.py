"""What a purge through the API stores and answers, and what is refused where it is asked."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from invalidation.contrib.ninja.answering import pagination
from invalidation.exceptions import InvalidTarget
from invalidation.models import Batch, Delivery, Event, Verification
from invalidation.status import documents, gate
from tests.unit.api.conftest import EVERY_SCOPE, ROOT, SECRET, SITE, As, fields, problem


def test_every_field_reaches_the_event_with_its_source_and_the_token_as_its_actor(caller: As) -> None:
    body = {
        "tags": ["blog.post:42"],
        "urls": ["/blog/", f"{SITE}/about/"],
        "prefixes": ["/media/"],
        "keys": ["sidebar"],
        "tiers": ["outer"],
        "lane": "takedown",
        "mode": "refresh",
        "reason": "court order",
    }
    caller("deploy", scopes=EVERY_SCOPE).post(body)
    event = Event.objects.get()
    assert event.targets == {
        "tags": ["blog.post:42"],
        "urls": ["/blog/", f"{SITE}/about/"],
        "prefixes": ["/media/"],
        "keys": ["sidebar"],
    }
    assert (event.source, event.actor, event.lane, event.mode, event.reason, event.tiers) == (
        *("api", "deploy", "takedown", "refresh", "court order"),
        "outer",
    )
    assert event.correlation_id


def test_the_answer_is_the_status_document_and_says_where_to_follow_it(caller: As) -> None:
    asker = caller()
    answered = asker.post({"tags": ["a"]})
    uid = Event.objects.get().uid
    assert answered.status_code == 202
    assert answered.json() == documents.document(documents.find(uid))
    assert answered.headers["Location"] == f"purges/{uid}"
    assert asker.get(f"purges/{uid}").json() == answered.json()


def test_tiers_and_health_are_the_documents_of_the_status_and_hold_no_secret(caller: As) -> None:
    asker = caller(scopes=["status"])
    assert asker.get("tiers").json() == {"tiers": json.loads(json.dumps(documents.tiers()))}
    assert asker.get("health").json() == json.loads(json.dumps(documents.overview()))
    assert SECRET not in asker.get("tiers").content.decode()


def test_the_caller_s_correlation_id_is_the_event_s_and_a_strange_one_is_not(caller: As) -> None:
    asker = caller()
    assert asker.post({"tags": ["a"]}, X_Correlation_ID="deploy-4711").json()["correlation_id"] == "deploy-4711"
    assert len(asker.post({"tags": ["b"]}).json()["correlation_id"]) <= 64


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ["body"]),
        ({"tags": []}, ["body"]),
        ({"everything": False}, ["body"]),
        ({"tags": ["Blog Post"]}, ["tags[0]"]),
        ({"tags": ["a", "x" * 129, ""]}, ["tags[1]", "tags[2]"]),
        ({"tags": "a"}, ["tags"]),
        ({"tags": ["a"], "mode": "soft"}, ["mode"]),
        ({"tags": ["a"], "lane": "takedown", "mode": "invalidate"}, ["mode"]),
        ({"tags": [1]}, ["tags[0]"]),
        ({"tags": ["a\n"]}, ["tags[0]"]),
        ({"urls": ["blog/", "//evil.example/", "/a b", "/#x"]}, [f"urls[{place}]" for place in range(4)]),
        ({"urls": ["javascript:alert(1)", "ftp://blog.example/"]}, ["urls[0]", "urls[1]"]),
        ({"urls": ["https://ada:secret@blog.example/"]}, ["urls[0]"]),
        ({"urls": ["/" + "x" * 4000]}, ["urls[0]"]),
        ({"urls": ["/caf\u00e9/"]}, ["urls[0]"]),
        ({"prefixes": ["/a?b", "/a*"]}, ["prefixes[0]", "prefixes[1]"]),
        ({"keys": ["", "a\0b"]}, ["keys[0]", "keys[1]"]),
        ({"keys": [{"key": "*", "pattern": True}]}, ["keys[0]"]),
        ({"everything": "yes"}, ["everything"]),
        ({"everything": 1}, ["everything"]),
        ({"tags": ["a"], "tiers": ["outer", "moon"]}, ["tiers[1]"]),
        ({"tags": ["a"], "lane": "express"}, ["lane"]),
        ({"tags": ["a"], "reason": "x" * 256}, ["reason"]),
        ({"tags": ["a"], "reason": "\ud800"}, ["reason"]),
        ({"tags": ["a"], "confirm": True}, ["confirm"]),
        ({"tags": ["a"], "source": "admin"}, ["source"]),
        ({"tags": ["a"], "actor": "root"}, ["actor"]),
        ({"tags": ["a"] * 1001}, ["tags"]),
        ([], ["body"]),
        ("text", ["body"]),
        (None, ["body"]),
    ],
)
def test_what_can_not_be_used_is_named_with_its_fix_and_stores_nothing(caller: As, body: Any, named: list[str]) -> None:
    refused = caller(scopes=EVERY_SCOPE).post(body)
    assert fields(refused, 422) == named
    assert "secret" not in refused.content.decode()
    assert not Event.objects.exists()


@pytest.mark.parametrize("url", ["https://evil.example/", "http://a:99999/", "http://[/", "https://blog.example.evil/"])
def test_a_host_of_no_site_is_refused(caller: As, url: str) -> None:
    assert fields(caller(scopes=EVERY_SCOPE).post({"tags": ["a"], "urls": ["/a/", url]}), 403) == ["urls[1]"]
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "body", [b"{", b"\xff\xfe", b"[" * 100_000, b'{"tags": ["a"]', b'{"tags": ["\xff"]}', b"NaN'", b"1" * 5000]
)
def test_what_is_no_json_is_refused(caller: As, body: bytes) -> None:
    problem(caller().post(body), 400)


def test_a_body_that_is_too_long_is_refused_before_it_is_read(caller: As, settings: Any) -> None:
    settings.INVALIDATION_API = {"MAX_BODY_BYTES": 100}
    asker = caller()
    assert asker.post({"tags": ["a"]}).status_code == 202
    problem(asker.post({"tags": ["a"], "reason": "x" * 100}), 413)
    problem(asker.post(b" " * 101), 413)


def test_a_body_of_another_kind_is_refused(caller: As) -> None:
    asker = caller()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        sent = asker.client.post(ROOT + "purges", data=b"{}", content_type=kind, headers=asker.headers({}))
        problem(sent, 415)


def test_every_answer_is_kept_by_no_cache(caller: As) -> None:
    asker = caller(scopes=EVERY_SCOPE)
    answers = [asker.get(path) for path in ("purges", "tiers", "health", "openapi.json", "nothing", "purges/x", "")]
    answers += [
        asker.post({"tags": ["a"]}),
        asker.post({}),
        asker.client.put(ROOT + "purges"),
        Client().get(ROOT + "tiers"),
    ]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "ETag" not in answer.headers
        assert "X-Cache-Sequence" not in answer.headers


def test_other_addresses_and_methods_are_problems_too(caller: As) -> None:
    asker = caller()
    for path in ("", "nothing", "purges/", "purges/a/b", "docs"):
        problem(asker.get(path), 404)
    refused = asker.client.delete(ROOT + "purges")
    problem(refused, 405)
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "POST"}


def test_a_failure_of_ours_is_told_in_general_words(caller: As, monkeypatch: pytest.MonkeyPatch) -> None:
    asker = caller(scopes=["status"])
    asker.client.raise_request_exception = False

    def fail() -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(documents, "tiers", fail)
    assert SECRET not in json.dumps(problem(asker.get("tiers"), 500))


@pytest.fixture
def listed(db: None) -> list[Event]:
    """Five events, the newest first; two of them at the same instant."""
    now = timezone.now()
    ages = (5, 4, 3, 3, 1)
    rows = [
        Event.objects.create(source="code", created_at=now - timedelta(seconds=age), targets={"tags": [f"t:{age}"]})
        for age in ages
    ]
    return sorted(rows, key=lambda event: (event.created_at, event.uid), reverse=True)


@pytest.mark.databases
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_a_list_is_read_page_by_page_and_misses_and_repeats_none(caller: As, listed: list[Event], limit: int) -> None:
    asker = caller(scopes=["read"])
    seen: list[str] = []
    cursor = ""
    while True:
        page = asker.get(f"purges?limit={limit}{cursor}").json()
        seen += [one["id"] for one in page["purges"]]
        assert len(page["purges"]) <= limit
        Event.objects.create(source="code", targets={"tags": ["newer"]})
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == [str(event.uid) for event in listed]


@pytest.mark.databases
def test_the_documents_of_a_list_are_those_of_its_events(caller: As, listed: list[Event]) -> None:
    later = Batch.objects.create(targets={}, status="done")
    batch = Batch.objects.create(targets={"tags": ["t"]}, rebound=later, status="done")
    for row, tier in ((batch, "cache"), (later, "outer"), (batch, "outer")):
        Delivery.objects.create(batch=row, tier=tier, status="purged")
    Verification.objects.create(batch=batch, tier="outer", url=f"{SITE}/")
    Event.objects.filter(pk__in=[listed[0].pk, listed[2].pk]).update(batch=batch, status="done")
    shown = caller(scopes=["read"]).get("purges").json()["purges"]
    assert shown == [documents.document(documents.find(event.uid)) for event in listed]


def test_a_list_costs_the_same_however_long_it_is(
    caller: As, listed: list[Event], django_assert_max_num_queries: Any
) -> None:
    asker = caller(scopes=["read"])
    asker.get("purges")
    with django_assert_max_num_queries(7):
        asker.get("purges")


def test_a_page_of_very_long_purges_is_shorter_and_goes_on(
    caller: As, listed: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MOST_CHARACTERS", 1000)
    batch = Batch.objects.create(targets={"tags": [f"t:{number}" for number in range(200)]})
    Event.objects.update(batch=batch)
    asker = caller(scopes=["read"])
    page = asker.get("purges").json()
    seen = [page]
    while page["next"]:
        page = asker.get(f"purges?cursor={page['next']}").json()
        seen.append(page)
    assert [[one["id"] for one in page["purges"]] for page in seen] == [[str(event.uid)] for event in listed]


def test_no_request_opens_a_transaction_around_everything() -> None:
    """With ATOMIC_REQUESTS a purge would be announced after its answer, and a refusal would hold what it noted."""
    view: Any = resolve(ROOT + "purges").func
    assert view._non_atomic_requests == set(connections)


def test_a_target_that_is_refused_late_is_a_problem_and_not_repeated(
    caller: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise InvalidTarget(SECRET)

    monkeypatch.setattr(gate, "judge", refuse)
    assert SECRET not in json.dumps(problem(caller().post({"tags": ["a"]}), 422))


def test_a_list_can_be_narrowed(caller: As, listed: list[Event]) -> None:
    asker = caller(scopes=["read", "purge"])
    own = asker.post({"tags": ["a"]}, X_Correlation_ID="deploy-1").json()["id"]
    for query in ("source=api", "correlation_id=deploy-1", "source=api&status=pending"):
        assert [one["id"] for one in asker.get(f"purges?{query}").json()["purges"]] == [own]
    assert asker.get("purges?status=dead").json() == {"purges": [], "next": None}


def test_a_token_that_sees_its_own_purges_alone_finds_none_of_another_source(caller: As, listed: list[Event]) -> None:
    asker = caller(scopes=["purge"])
    own = asker.post({"tags": ["a"]}).json()["id"]
    assert [one["id"] for one in asker.get("purges?source=api").json()["purges"]] == [own]
    assert asker.get("purges?source=code").json() == {"purges": [], "next": None}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "limit"),
        ("limit=51", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=", "cursor"),
        ("status=x", "status"),
        ("staus=dead", "query"),
        ("source=x", "source"),
        ("correlation_id=", "correlation_id"),
    ],
)
def test_a_query_that_can_not_be_used_is_named(caller: As, query: str, named: str) -> None:
    assert fields(caller().get(f"purges?{query}"), 422) == [named]


@pytest.mark.parametrize("cursor", ["0" * 46, "f" * 46])
def test_a_made_up_cursor_is_a_place_like_another(caller: As, listed: list[Event], cursor: str) -> None:
    assert caller(scopes=["read"]).get(f"purges?cursor={cursor}").status_code == 200
