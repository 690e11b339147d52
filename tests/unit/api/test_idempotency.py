"""Who asks again under the same key is told the first answer, and nothing is purged twice."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from invalidation import pipeline
from invalidation.contrib.ninja.models import Answer
from invalidation.contrib.ninja.rows import answers
from invalidation.models import Event
from tests.unit.api.conftest import As, Caller, Grant, fields, problem

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]
BODY = {"tags": ["blog.post:42"], "reason": "wrong price"}
AT_ONCE = 6


def test_a_key_repeated_answers_the_first_answer_also_when_the_purge_has_gone_on(caller: As) -> None:
    asker = caller()
    first = asker.post(BODY, Idempotency_Key="deploy-1")
    Event.objects.update(status="done", completed_at=timezone.now())
    again = asker.post(BODY, Idempotency_Key="deploy-1")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert Event.objects.count() == 1


def test_the_same_request_written_differently_is_the_same(caller: As) -> None:
    asker = caller()
    asker.post(b'{"tags":["a"],"lane":"editorial"}', Idempotency_Key="k")
    assert asker.post(b' { "tags" : [ "a" ] } ', Idempotency_Key="k").headers["Idempotency-Replayed"] == "true"


def test_another_body_under_the_same_key_is_refused(caller: As) -> None:
    asker = caller()
    asker.post(BODY, Idempotency_Key="k")
    for other in ({**BODY, "reason": ""}, {"tags": ["b"]}, {**BODY, "lane": "takedown"}):
        assert fields(asker.post(other, Idempotency_Key="k"), 422) == ["Idempotency-Key"]
    assert Event.objects.count() == 1


def test_a_key_belongs_to_its_token(caller: As) -> None:
    first, second = caller("first"), caller("second")
    one, two = (asker.post(BODY, Idempotency_Key="k").json() for asker in (first, second))
    assert one["id"] != two["id"]
    assert (one["actor"], two["actor"]) == ("first", "second")
    problem(second.get(f"purges/{one['id']}"), 404)


def test_keys_are_told_apart_by_their_case(caller: As) -> None:
    asker = caller()
    assert asker.post(BODY, Idempotency_Key="a").json()["id"] != asker.post(BODY, Idempotency_Key="A").json()["id"]


def test_a_refused_request_leaves_its_key_free(caller: As) -> None:
    asker = caller()
    problem(asker.post({"tags": ["Bad Tag"]}, Idempotency_Key="k"), 422)
    problem(asker.post({"everything": True, "confirm_wide": True}, Idempotency_Key="k"), 403)
    assert asker.post(BODY, Idempotency_Key="k").status_code == 202


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "\u00e9"])
def test_a_key_that_can_not_be_remembered_is_named(caller: As, key: str) -> None:
    [named] = fields(caller().post(BODY, Idempotency_Key=key), 422)
    assert named.lower() == "idempotency-key"


def test_without_a_key_each_request_is_a_purge(caller: As) -> None:
    asker = caller()
    assert asker.post(BODY).json()["id"] != asker.post(BODY).json()["id"]
    assert not Answer.objects.exists()


def test_two_at_the_same_time_give_one_event_and_one_answer(granted: Grant) -> None:
    text = granted().text
    start, told = threading.Barrier(AT_ONCE), []

    def ask() -> None:
        start.wait(10)
        try:
            told.append(Caller(text).post(BODY, Idempotency_Key="k"))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [one.status_code for one in told] == [202] * AT_ONCE, [one.content for one in told]
    assert len({one.content for one in told}) == 1
    assert Event.objects.count() == Answer.objects.count() == 1
    assert sum("Idempotency-Replayed" not in one.headers for one in told) == 1


def test_an_event_that_lost_the_race_is_announced_to_nobody(caller: As, monkeypatch: pytest.MonkeyPatch) -> None:
    asker = caller()
    asker.post(BODY, Idempotency_Key="k")
    real, asked = answers.first, []

    def blind_once(*arguments: Any) -> Any:
        asked.append(arguments)
        return None if len(asked) == 1 else real(*arguments)

    monkeypatch.setattr(answers, "first", blind_once)
    assert asker.post(BODY, Idempotency_Key="k").headers["Idempotency-Replayed"] == "true"
    assert len(asked) == 2
    assert Event.objects.count() == 1


def test_answers_are_pruned_with_the_rest_once_they_are_old(caller: As, settings: Any) -> None:
    settings.INVALIDATION_API = {"ANSWERS_HOURS": 1}
    asker = caller()
    first = asker.post(BODY, Idempotency_Key="old").json()["id"]
    asker.post(BODY, Idempotency_Key="new")
    Answer.objects.filter(body__contains=first).update(created_at=timezone.now() - timedelta(hours=2))
    pipeline.prune()
    assert Answer.objects.count() == 1
    assert asker.post(BODY, Idempotency_Key="old").json()["id"] != first


def test_the_command_prunes_them_too(caller: As) -> None:
    caller().post(BODY, Idempotency_Key="old")
    Answer.objects.update(created_at=timezone.now() - timedelta(days=2))
    call_command("invalidation_prune", verbosity=0)
    assert not Answer.objects.exists()
