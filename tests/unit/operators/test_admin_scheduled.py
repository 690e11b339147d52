"""What is scheduled stands in the admin, where who may purge withdraws it until its time has come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import invalidation
from invalidation.emission import instants
from invalidation.models import Event, ScheduledEvent

SignIn = Callable[..., Client]
LIST = "admin:invalidation_scheduledevent_changelist"


def later(**ahead: float) -> Any:
    """An instant to come."""
    return timezone.now() + timedelta(**ahead)


@pytest.fixture
def asked(db: None) -> ScheduledEvent:
    """A purge in two hours."""
    invalidation.invalidate(tags=["shop.offer:7"], at=later(hours=2), reason="the offer ends", actor="ada")
    return ScheduledEvent.objects.get(model="")


@pytest.fixture
def of_a_row(db: None) -> ScheduledEvent:
    """What a post does by itself in an hour."""
    return ScheduledEvent.objects.create(
        due_at=later(hours=1), model="blog.post", owner="blog.post:1", key="1", source="time", reason="it opens"
    )


def address(row: ScheduledEvent) -> str:
    """Of its page."""
    return reverse("admin:invalidation_scheduledevent_change", args=[row.uid])


def text(browser: Client, url: str) -> str:
    """What is shown, wherever one is led."""
    response = browser.get(url, follow=True)
    assert response.status_code == 200
    return str(response.content.decode())


def select(browser: Client, *rows: ScheduledEvent) -> str:
    """The list's action; what it says."""
    chosen = {"action": "withdraw_selected", "_selected_action": [row.pk for row in rows]}
    return str(browser.post(reverse(LIST), chosen, follow=True).content.decode())


def test_the_list_shows_the_next_first_and_leads_to_each(
    sign_in: SignIn, asked: ScheduledEvent, of_a_row: ScheduledEvent
) -> None:
    shown = text(sign_in("view_event"), reverse(LIST))
    assert shown.index(address(of_a_row)) < shown.index(address(asked))
    for words in ("code, ada: the offer ends", "tags shop.offer:7", "tags blog.post, blog.post:1", ">2 h<", ">60 min<"):
        assert words in shown, words


@pytest.mark.parametrize(("origin", "seen"), [("asked", "the offer ends"), ("rows", "it opens")])
def test_it_is_narrowed_by_whose_they_are(
    sign_in: SignIn, asked: ScheduledEvent, of_a_row: ScheduledEvent, origin: str, seen: str
) -> None:
    shown = text(sign_in("view_event"), f"{reverse(LIST)}?origin={origin}")
    assert {words for words in ("the offer ends", "it opens") if words in shown} == {seen}


@pytest.mark.parametrize("term", ["{uid:.8}", "{correlation_id}", "ad", "offer ends"])
def test_one_is_found_by_id_cause_and_words(
    sign_in: SignIn, asked: ScheduledEvent, of_a_row: ScheduledEvent, term: str
) -> None:
    ScheduledEvent.objects.filter(pk=asked.pk).update(correlation_id="request-7")
    wanted = term.format(uid=str(asked.uid), correlation_id="request-7")
    shown = sign_in("view_event").get(reverse(LIST), {"q": wanted})
    assert [row.pk for row in shown.context["cl"].result_list] == [asked.pk]


def test_the_page_tells_all_of_it(sign_in: SignIn, asked: ScheduledEvent) -> None:
    shown = text(sign_in("view_event"), address(asked))
    for words in ("the offer ends", "shop.offer:7", str(asked.uid), "editorial", "delete", "all"):
        assert words in shown.lower()
    assert "<h1>Scheduled: tags shop.offer:7</h1>" in shown
    assert "Withdraw" not in shown


@pytest.mark.parametrize("permissions", [(), ("view_own",)])
def test_it_is_refused_to_who_may_not_see_everybody_s(
    sign_in: SignIn, asked: ScheduledEvent, permissions: tuple[str, ...]
) -> None:
    browser = sign_in(*permissions)
    assert browser.get(reverse(LIST)).status_code == 403
    assert browser.get(address(asked)).status_code == 403


def test_the_list_of_events_has_the_way_there(sign_in: SignIn) -> None:
    assert f'href="{reverse(LIST)}"' in text(sign_in("view_event"), reverse("admin:invalidation_event_changelist"))


def test_who_may_purge_withdraws_it_on_its_page_and_it_is_audited(sign_in: SignIn, asked: ScheduledEvent) -> None:
    browser = sign_in("purge")
    shown = text(browser, address(asked))
    assert ('value="Withdraw"' in shown, shown.count('class="submit-row"')) == (True, 1)
    answered = browser.post(address(asked), {"withdraw": "Withdraw"}, follow=True)
    assert answered.redirect_chain == [(reverse(LIST), 302)]
    assert "1 scheduled purge is withdrawn." in answered.content.decode()
    assert not ScheduledEvent.objects.exists()
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.user.username) == (DELETION, "grace")
    assert entry.change_message == "Withdrawn: tags shop.offer:7."


def test_several_are_withdrawn_at_once_and_what_rows_do_is_left_with_the_reason(
    sign_in: SignIn, asked: ScheduledEvent, of_a_row: ScheduledEvent
) -> None:
    invalidation.invalidate(urls=["/a/"], at=later(hours=3))
    said = select(sign_in("purge"), *ScheduledEvent.objects.all())
    assert "2 scheduled purges are withdrawn." in said
    assert "blog.post:1 changes at that instant by itself" in said
    assert list(ScheduledEvent.objects.all()) == [of_a_row]
    assert LogEntry.objects.count() == 2


@pytest.mark.parametrize("count", [5, 7])
def test_many_reasons_are_not_all_told(sign_in: SignIn, count: int) -> None:
    for number in range(count):
        ScheduledEvent.objects.create(due_at=later(hours=1), model="blog.post", owner=f"blog.post:{number}")
    said = select(sign_in("purge"), *ScheduledEvent.objects.all())
    assert said.count("is left as it is") == 5
    assert ("2 more are left for such reasons" in said) is (count == 7)


def test_who_may_only_look_withdraws_nothing(sign_in: SignIn, asked: ScheduledEvent) -> None:
    browser = sign_in("view_event", "view_scheduledevent", "delete_scheduledevent", "change_scheduledevent")
    assert browser.post(address(asked), {"withdraw": "Withdraw"}).status_code == 403
    select(browser, asked)
    assert browser.post(reverse("admin:invalidation_scheduledevent_delete", args=[asked.pk])).status_code == 403
    assert ScheduledEvent.objects.exists()


def test_nothing_is_written_by_hand(sign_in: SignIn, of_a_row: ScheduledEvent) -> None:
    browser = sign_in("purge", "add_scheduledevent", "change_scheduledevent")
    assert browser.get(reverse("admin:invalidation_scheduledevent_add")).status_code == 403
    assert browser.post(address(of_a_row), {"reason": "x"}).status_code == 403
    assert 'value="Withdraw"' not in text(browser, address(of_a_row))


def test_a_withdrawal_that_is_too_late_says_so_on_the_page_of_what_came_of_it(
    sign_in: SignIn, asked: ScheduledEvent
) -> None:
    browser = sign_in("purge")
    ScheduledEvent.objects.update(due_at=timezone.now())
    answered = browser.post(address(asked), {"withdraw": "Withdraw"}, follow=True)
    assert "Its time came at" in answered.content.decode()
    assert ">due<" in text(browser, reverse(LIST))
    instants.fire("default")
    assert "waiting for a worker" in text(browser, address(asked))
    assert not LogEntry.objects.exists()
    assert Event.objects.exists()


def test_who_follows_the_id_of_an_event_to_come_is_led_to_it(sign_in: SignIn, asked: ScheduledEvent) -> None:
    browser = sign_in("view_event")
    assert "the offer ends" in text(browser, reverse("admin:invalidation_event_change", args=[asked.uid]))
    nobody = reverse("admin:invalidation_event_change", args=[UUID(int=0)])
    assert browser.get(nobody).headers["Location"] == reverse("admin:index")
    gone = reverse("admin:invalidation_scheduledevent_change", args=[UUID(int=0)])
    assert browser.get(gone).headers["Location"] == reverse("admin:index")


def test_the_list_asks_as_many_queries_for_many_rows_as_for_few(sign_in: SignIn, asked: ScheduledEvent) -> None:
    browser = sign_in("view_event")
    browser.get(reverse(LIST))
    with CaptureQueriesContext(connection) as few:
        browser.get(reverse(LIST))
    for number in range(20):
        invalidation.invalidate(tags=[f"t:{number}"], at=later(hours=1))
    with CaptureQueriesContext(connection) as many:
        browser.get(reverse(LIST))
    assert len(many) == len(few)


@pytest.mark.parametrize("targets", [[], "abc", {"tags": "abc"}, {"tags": [42]}, {"urls": ["http://["]}, {"nope": []}])
def test_what_another_version_has_scheduled_is_listed_and_has_its_page(
    sign_in: SignIn, asked: ScheduledEvent, targets: Any
) -> None:
    ScheduledEvent.objects.update(targets=targets, lane="another", mode="other")
    browser = sign_in("view_event")
    assert str(asked.uid)[:8] in text(browser, reverse(LIST))
    assert str(asked.uid) in text(browser, address(asked))
