"""A scheduled purge is seen and withdrawn by whoever asked for it, until its time has come; then it is too late."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from deploy.local import wait_for
from invalidation.contrib.ninja.asking.wanted import Status
from invalidation.emission import instants
from invalidation.models import Event, EventStatus, ScheduledEvent
from tests.unit.api.conftest import EVERY_SCOPE, OTHER, SITE, As, Caller, Grant, fields, problem

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]
HOUR = timedelta(hours=1)


def ask(asker: Caller, **body: Any) -> str:
    """A purge for in an hour; where it is."""
    answered = asker.post({"at": (timezone.now() + HOUR).isoformat(), **(body or {"tags": ["a"]})})
    assert answered.status_code == 202, answered.content
    return str(answered.headers["Location"])


def somebody_waits() -> bool:
    """For this connection."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])


def come_due() -> None:
    """An hour later."""
    ScheduledEvent.objects.update(due_at=timezone.now())


def at_once(*acts: Callable[[], Any]) -> None:
    """Each in a thread."""
    start = threading.Barrier(len(acts))

    def do(act: Callable[[], Any]) -> None:
        start.wait(10)
        try:
            act()
        finally:
            connection.close()

    threads = [threading.Thread(target=do, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def test_its_sender_withdraws_it_and_it_never_happens(caller: As) -> None:
    asker = caller()
    place, other = ask(asker), ask(asker, tags=["b"])
    was = asker.get(place).json()
    answered = asker.delete(place)
    assert (answered.status_code, answered.json()) == (200, {**was, "status": "withdrawn"})
    problem(asker.get(place), 404)
    come_due()
    assert instants.fire("default") == 1
    assert asker.get(other).json()["status"] == "pending"


def test_withdrawn_again_it_is_answered_what_was_answered_first(caller: As) -> None:
    asker = caller()
    place = ask(asker)
    first, second = asker.delete(place), asker.delete(place)
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    problem(caller("other").delete(place), 404)


def test_several_that_withdraw_it_at_once_are_told_the_same(granted: Grant) -> None:
    text = granted().text
    place, told = ask(Caller(text)), []
    at_once(*[lambda: told.append(Caller(text).delete(place))] * 5)
    assert [one.status_code for one in told] == [200] * 5, [one.content for one in told]
    assert len({one.content for one in told}) == 1
    assert sum("Idempotency-Replayed" not in one.headers for one in told) == 1


def test_what_is_due_is_not_withdrawn_though_nobody_has_fired_it_yet(caller: As) -> None:
    asker = caller()
    place = ask(asker)
    come_due()
    assert "Its time came" in problem(asker.delete(place), 409)["detail"]
    assert instants.fire("default") == 1
    for status in EventStatus.values:
        Event.objects.update(status=status)
        assert f"it is {status}" in problem(asker.delete(place), 409)["detail"]
    assert asker.get(place).json()["status"] == "dead"


def test_a_purge_that_was_never_scheduled_is_not_withdrawn(caller: As) -> None:
    asker = caller()
    place = asker.post({"tags": ["a"]}).headers["Location"]
    problem(asker.delete(place), 409)
    assert Event.objects.count() == 1


def test_of_withdrawal_and_firing_at_the_same_moment_one_has_its_way(granted: Grant) -> None:
    """Whoever fires believes all of them due, and whoever withdraws none of them."""
    text = granted().text
    places = [ask(Caller(text), tags=[f"t:{number}"]) for number in range(30)]
    rows = list(ScheduledEvent.objects.order_by("id"))
    told: list[Any] = []
    at_once(
        lambda: [instants._fire([row], "default") for row in rows],
        lambda: told.extend(Caller(text).delete(place) for place in places),
    )
    withdrawn = {place for place, one in zip(places, told, strict=True) if one.status_code == 200}
    assert {one.status_code for one in told} <= {200, 409}, [one.content for one in told]
    assert {f"purges/{event.uid}" for event in Event.objects.all()} == set(places) - withdrawn
    assert not ScheduledEvent.objects.exists()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="where it can be seen who waits for whom")
def test_a_withdrawal_waits_for_who_is_firing_it_and_then_is_too_late(granted: Grant) -> None:
    text = granted().text
    place, told = ask(Caller(text)), []

    def withdraw() -> None:
        told.append(Caller(text).delete(place))
        connection.close()

    withdrawing = threading.Thread(target=withdraw)
    with transaction.atomic():
        assert instants._fire(list(ScheduledEvent.objects.all()), "default") == 1
        withdrawing.start()
        wait_for(somebody_waits, 30, "the withdrawal stands at the row")
    withdrawing.join(60)
    assert "it is pending" in problem(told[0], 409)["detail"]


@pytest.mark.parametrize("scope", [scope for scope in EVERY_SCOPE if scope != "purge"])
def test_it_takes_the_scope_purge(caller: As, scope: str) -> None:
    place = ask(caller("deploy"))
    assert 'scope="purge"' in problem_headers(caller("other", scopes=[scope]).delete(place))
    assert ScheduledEvent.objects.exists()


def problem_headers(response: Any) -> str:
    """Of a token without the scope."""
    problem(response, 403)
    return str(response.headers["WWW-Authenticate"])


def test_that_of_another_token_is_not_there_and_who_may_see_it_may_not_withdraw_it(caller: As) -> None:
    place = ask(caller("deploy"))
    problem(caller("other").delete(place), 404)
    assert "did not ask" in problem(caller("reader", scopes=["purge", "read"]).delete(place), 403)["detail"]
    problem(caller("shop", scopes=["purge", "read"], hosts=["shop.example"]).delete(place), 404)
    assert ScheduledEvent.objects.exists()


@pytest.mark.parametrize(
    ("rights", "asked", "narrowed", "named"),
    [
        ({}, {"urls": [f"{SITE}/", f"{OTHER}/"]}, {"hosts": ["shop.example"]}, ["urls[0]"]),
        ({}, {"prefixes": ["/blog/"]}, {"hosts": ["shop.example"]}, ["prefixes[0]"]),
        ({}, {"tags": ["a", "b"]}, {"tags": ["a"]}, ["tags[1]"]),
        ({"scopes": ["purge", "purge_keys"]}, {"keys": ["k"]}, {"scopes": ["purge"]}, []),
        (
            {"scopes": ["purge", "purge_everything"]},
            {"everything": True, "confirm_wide": True},
            {"scopes": ["purge"]},
            [],
        ),
    ],
)
def test_what_the_token_may_purge_no_longer_it_may_not_take_back(
    granted: Grant, rights: Any, asked: Any, narrowed: Any, named: list[str]
) -> None:
    token = granted(**rights)
    place = ask(Caller(token.text), **asked)
    type(token.token).objects.filter(pk=token.token.pk).update(**narrowed)
    assert fields(Caller(token.text).delete(place), 403) == named
    assert ScheduledEvent.objects.exists()


def test_a_restricted_token_withdraws_its_own(caller: As) -> None:
    asker = caller(hosts=["shop.example"], tags=["shop.*"])
    place = ask(asker, tags=["shop.offer:7"], urls=[f"{OTHER}/offers/"])
    assert asker.delete(place).json()["status"] == "withdrawn"


@pytest.mark.parametrize("text", ["x", "0" * 8, "0" * 32, "purges", "%00"])
def test_what_is_no_whole_id_names_nothing(caller: As, text: str) -> None:
    problem(caller().delete(f"purges/{text}"), 404)


def test_the_beginning_of_an_id_withdraws_nothing(caller: As) -> None:
    asker = caller()
    place = ask(asker)
    problem(asker.delete(place[: len("purges/") + 8]), 404)
    assert asker.get(place).json()["status"] == "scheduled"


def test_an_instant_of_a_row_is_no_purge_of_anybody_s(caller: As) -> None:
    row = ScheduledEvent.objects.create(
        due_at=timezone.now() + HOUR, model="blog.post", owner="blog.post:1", key="1", source="time"
    )
    asker = caller(scopes=["purge", "read"])
    problem(asker.delete(f"purges/{row.uid}"), 403)
    assert asker.get("purges").json()["purges"] == []
    assert asker.get(f"purges/{row.uid}").json()["targets"] == {"tags": ["blog.post", "blog.post:1"]}


@pytest.mark.parametrize("targets", [[], "abc", {"tags": "abc"}, {"tags": [42]}, {"urls": ["http://["]}, {"nope": []}])
def test_what_another_version_has_scheduled_is_withdrawn_by_its_sender_all_the_same(caller: As, targets: Any) -> None:
    asker = caller()
    place = ask(asker)
    ScheduledEvent.objects.update(targets=targets)
    assert asker.delete(place).status_code == 200
    assert not ScheduledEvent.objects.exists()


@pytest.mark.parametrize("targets", [[1], "abc", {"tags": "abc"}, {"tags": [42]}, {"urls": ["http://["]}])
def test_a_restricted_token_withdraws_nothing_that_can_not_be_read(caller: As, targets: Any) -> None:
    asker = caller(hosts=["shop.example"], tags=["shop.*"])
    place = ask(asker, tags=["shop.offer:7"])
    ScheduledEvent.objects.update(targets=targets)
    problem(asker.delete(place), 403)
    assert ScheduledEvent.objects.exists()


def test_the_list_shows_those_that_are_scheduled_at_the_place_of_when_they_were_asked_for(caller: As) -> None:
    deploy, reader = caller("deploy"), caller("reader", scopes=["read"])
    made = [deploy.post({"tags": ["a"]}).json(), deploy.get(ask(deploy)).json(), deploy.post({"tags": ["b"]}).json()]
    others = caller("other").post({"tags": ["c"], "at": (timezone.now() + HOUR).isoformat()}).json()
    assert deploy.get("purges").json() == {"purges": made[::-1], "next": None}
    assert reader.get("purges").json()["purges"] == [others, *made[::-1]]
    seen, cursor = [], ""
    for _ in range(4):
        page = reader.get(f"purges?limit=1{cursor}").json()
        seen += page["purges"]
        cursor = f"&cursor={page['next']}"
    assert (seen, page["next"]) == ([others, *made[::-1]], None)


def test_the_list_is_narrowed_to_what_is_scheduled_and_to_what_is_not(caller: As) -> None:
    asker = caller()
    now, later = asker.post({"tags": ["a"]}).json(), asker.get(ask(asker)).json()
    assert asker.get("purges?status=scheduled").json()["purges"] == [later]
    assert later["due_at"]
    assert asker.get("purges?status=pending").json()["purges"] == [now]
    assert asker.get(f"purges?correlation_id={later['correlation_id']}").json()["purges"] == [later]
    reader = caller("reader", scopes=["read"])
    assert reader.get("purges?source=api&status=scheduled").json()["purges"] == [later]
    assert reader.get("purges?source=code&status=scheduled").json()["purges"] == []


@contextmanager
def its_time_comes_when(table: str) -> Iterator[None]:
    """As soon as this table has been read."""
    coming = [table]

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        answer = execute(sql, *rest)
        if coming and sql.startswith("SELECT") and f"{table}" in sql.partition(" FROM ")[2].split()[0]:
            coming.clear()
            come_due()
            instants.fire("default")
        return answer

    with connection.execute_wrapper(watch):
        yield
    assert not coming


@pytest.mark.parametrize("table", ["invalidation_event", "invalidation_scheduledevent"])
def test_one_whose_time_comes_while_it_is_looked_for_is_told_once(caller: As, table: str) -> None:
    asker = caller()
    place = ask(asker)
    with its_time_comes_when(table):
        assert [f"purges/{one['id']}" for one in asker.get("purges").json()["purges"]] == [place]
    another = ask(asker)
    with its_time_comes_when("invalidation_event"):
        assert asker.get(another).json()["status"] == "pending"


def test_every_status_is_a_filter() -> None:
    assert set(Status.__args__) == {"scheduled", *EventStatus.values}  # type: ignore[attr-defined]


def test_a_withdrawal_is_logged_with_its_actor(caller: As, caplog: pytest.LogCaptureFixture) -> None:
    asker = caller("deploy")
    place = ask(asker)
    with caplog.at_level("INFO"):
        asker.delete(place)
    [line] = [record.getMessage() for record in caplog.records if "purge_withdrawn" in record.getMessage()]
    assert place.removeprefix("purges/") in line
    assert "deploy" in line
