"""The dashboard says first what is wrong and what to do, and is no slower for more rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from invalidation.models import Batch, Delivery, Event, Sample, Verification
from tests.unit.operators.conftest import INNER_NODE, SECRET, MakeEvent

SignIn = Callable[..., Client]
REFUSED = f"{INNER_NODE} can't be reached: [Errno 111] Connection refused"
#: Statements of the page, session and user included; none of them grows with the rows.
STATEMENTS = 26


def page(browser: Client, query: str = "?fragment") -> str:
    """The part that changes."""
    answer = browser.get(reverse("admin:invalidation_event_overview") + query)
    assert answer.status_code == 200
    return answer.content.decode()


def failed(status: str, error: str = REFUSED, **values: Any) -> None:
    """A delivery of the inner tier that did not succeed."""
    now = timezone.now()
    batch = Batch.objects.create(status="dead" if status in ("dead", "rejected") else "running", recorded_at=now)
    told = {"attempted_at": now - timedelta(minutes=2), "started_at": now, "error": error, "status": status}
    Delivery.objects.create(batch=batch, tier="inner", node=INNER_NODE, **told | values)


@pytest.mark.django_db
def test_an_empty_pipeline_is_calm(sign_in: SignIn) -> None:
    shown = page(sign_in("view_event"))
    assert 'data-mood="well"' in shown
    assert "All is purged, every node is well" in shown
    assert shown.count('data-state="not asked yet"') == 3
    assert "Nothing is counted yet" in shown


@pytest.mark.django_db
def test_a_busy_pipeline_says_so_and_is_well(sign_in: SignIn, pending_event: Event) -> None:
    shown = page(sign_in("view_event"))
    assert 'data-mood="busy"' in shown
    assert "Busy, and well" in shown
    assert "1 waiting" in shown


@pytest.mark.django_db
def test_a_dead_node_is_named_first_with_its_cause_its_cost_and_its_remedy(sign_in: SignIn) -> None:
    for _ in range(14):
        failed("dead")
    failed("deferred", f"Left alone: 5 calls in a row failed. The last: {REFUSED}")
    shown = page(sign_in("view_event"))
    assert 'data-mood="bad"' in shown
    assert "One thing is wrong" in shown
    first_failed_at = Delivery.objects.earliest("attempted_at").attempted_at
    since = timezone.localtime(first_failed_at).strftime("%H:%M")
    assert f"inner 127.0.0.1:6081 refused the connection: 14 dead letters, 1 purge waits, since {since}." in shown
    assert "Nothing listens there: start the server" in shown
    assert 'data-tier="inner" data-state="failing"' in shown
    assert shown.index("refused the connection") < shown.index("<h2>Now")


@pytest.mark.django_db
def test_work_that_stands_still_is_an_alarm_though_all_of_it_is_claimed(sign_in: SignIn) -> None:
    Batch.objects.create(recorded_at=timezone.now() - timedelta(seconds=25))
    shown = page(sign_in("view_event"))
    assert "Work of the lane editorial is not finished after 25 s" in shown
    assert "do workers and beat run?" in shown


@pytest.mark.django_db
def test_a_node_that_purges_again_only_waits_for_a_replay(sign_in: SignIn, event_with: MakeEvent) -> None:
    failed("dead", started_at=timezone.now() - timedelta(minutes=1))
    event_with("done", "done", "purged", "purged")
    Delivery.objects.filter(status="purged").update(completed_at=timezone.now())
    shown = page(sign_in("view_event", "purge"))
    assert "The node purges again: replay them." in shown
    assert 'data-tier="inner" data-state="up"' in shown


@pytest.mark.django_db
def test_what_is_replayed_has_that_cause_and_no_other(sign_in: SignIn) -> None:
    failed("dead")
    failed("dead")
    failed("rejected", f"{INNER_NODE} refused with status 400.")
    browser = sign_in("view_event", "purge")
    asked = {"tier": "inner", "node": INNER_NODE, "words": "refused the connection"}
    answer = browser.post(reverse("admin:invalidation_event_replay"), asked, follow=True)
    assert "2 dead letters are replayed." in answer.content.decode()
    assert sorted(Delivery.objects.values_list("status", flat=True)) == ["pending", "pending", "rejected"]
    assert set(Delivery.objects.filter(status="pending").values_list("replayed_by", flat=True)) == {"grace"}


@pytest.mark.django_db
def test_those_who_may_only_look_find_no_button_to_replay(sign_in: SignIn) -> None:
    failed("dead")
    browser = sign_in("view_event")
    assert "<button" not in page(browser)
    assert browser.post(reverse("admin:invalidation_event_replay"), {"tier": "inner"}).status_code == 403
    assert browser.get(reverse("admin:invalidation_event_replay")).status_code == 405


def test_strangers_see_nothing(sign_in: SignIn) -> None:
    browser = sign_in()
    for query in ("", "?fragment"):
        assert browser.get(reverse("admin:invalidation_event_overview") + query).status_code == 403


@pytest.mark.django_db
def test_a_pipeline_that_nobody_sweeps_is_named(sign_in: SignIn) -> None:
    Sample.objects.create(minute_at=timezone.now() - timedelta(minutes=20))
    assert "Nobody has looked after the pipeline for 19 min: beat, or every worker, is down" in page(
        sign_in("view_event")
    )


@pytest.mark.django_db
def test_pages_that_were_found_stale_are_listed(sign_in: SignIn) -> None:
    batch = Batch.objects.create(status="done")
    Verification.objects.create(batch=batch, tier="inner", node=INNER_NODE, url="https://blog.example/old/", stale=True)
    shown = page(sign_in("view_event"))
    assert "1 page was found older than the purge in the last hour" in shown
    assert "https://blog.example/old/" in shown


def test_a_redis_that_is_away_is_named_and_the_rest_is_shown(sign_in: SignIn, settings: Settings, db: None) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "REDIS_URL": "redis://127.0.0.1:1/0"}
    shown = page(sign_in("view_event"))
    assert "The Redis of REDIS_URL does not answer" in shown
    assert "editorial" in shown


@pytest.mark.django_db
def test_the_last_success_of_a_node_is_known_after_its_purges_are_gone(sign_in: SignIn) -> None:
    proved_at = timezone.now() - timedelta(hours=3)
    Sample.objects.create(
        minute_at=timezone.now() - timedelta(minutes=1), succeeded={f"inner {INNER_NODE}": proved_at.isoformat()}
    )
    assert "3 h ago" in page(sign_in("view_event"))


@pytest.mark.django_db
def test_the_page_asks_the_same_statements_for_many_rows(sign_in: SignIn, event_with: MakeEvent) -> None:
    browser = sign_in("view_event")
    page(browser)
    with CaptureQueriesContext(connection) as few:
        page(browser)
    for _ in range(20):
        failed("dead")
        failed("failed")
        event_with("done", "done", "purged", "purged", "purged")
    now = timezone.now()
    Sample.objects.bulk_create(Sample(minute_at=now - timedelta(minutes=number)) for number in range(1440))
    with CaptureQueriesContext(connection) as many:
        page(browser)
    assert len(many) == len(few) == STATEMENTS
    assert all("LIMIT" in query["sql"] for query in many if "COUNT" in query["sql"])


@pytest.mark.django_db
def test_neither_secrets_nor_raw_replies_are_shown_and_words_are_escaped(sign_in: SignIn) -> None:
    failed("dead", "<script>alert(1)</script>", reply=f"HTTP/1.1 500 {SECRET}")
    shown = page(sign_in("view_event"), "")
    assert SECRET not in shown
    assert "HTTP/1.1" not in shown
    assert "<script>alert" not in shown


@pytest.mark.django_db
def test_the_page_needs_no_script_and_allows_none_from_itself(sign_in: SignIn) -> None:
    shown = page(sign_in("view_event"), "")
    ours = shown[shown.index('id="content-main"') :]
    assert "<script" not in ours.replace('<script src="', "")
    assert " style=" not in ours
    assert '<noscript><meta http-equiv="refresh" content="4"></noscript>' in shown
    assert json.dumps("?fragment")[1:-1] in shown
