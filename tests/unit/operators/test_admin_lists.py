"""The admin's lists: readable, searchable, never writable, and no slower for more rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from invalidation.admin import base
from invalidation.models import Batch, Delivery, Event
from invalidation.rows import unfinished
from invalidation.targets.values import Source
from tests.unit.operators.conftest import SECRET, MakeEvent

SignIn = Callable[..., Client]
VIEW = ("view_event", "view_batch", "view_delivery")
LISTS = [
    reverse_name
    for model in ("event", "batch", "delivery")
    for reverse_name in [f"admin:invalidation_{model}_changelist"]
]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_asks_as_many_queries_for_many_rows_as_for_few(
    sign_in: SignIn, event_with: MakeEvent, name: str
) -> None:
    browser = sign_in(*VIEW)
    event_with("done", "done", "purged", "purged")
    browser.get(reverse(name))
    with CaptureQueriesContext(connection) as few:
        assert browser.get(reverse(name)).status_code == 200
    for _ in range(20):
        event_with("dead", "dead", "purged", "dead", "rejected")
    with CaptureQueriesContext(connection) as many:
        browser.get(reverse(name))
    assert len(many) == len(few)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_counts_no_further_than_the_limit(
    sign_in: SignIn, event_with: MakeEvent, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(unfinished, "COUNT_LIMIT", 4)
    for _ in range(6):
        event_with("done", "done", "purged")
    with CaptureQueriesContext(connection) as queries:
        response = sign_in(*VIEW).get(reverse(name))
    assert response.context["cl"].result_count == 4
    assert all(
        "LIMIT 4" in query["sql"] for query in queries if "invalidation_" in query["sql"] and "COUNT" in query["sql"]
    )


@pytest.mark.parametrize("model", ["event", "batch", "delivery"])
def test_nothing_can_be_added_changed_or_deleted(sign_in: SignIn, event_with: MakeEvent, model: str) -> None:
    event_with("done", "done", "purged")
    every = [f"{verb}_{model}" for verb in ("view", "add", "change", "delete")]
    browser = sign_in(*every)
    pk = {"event": Event, "batch": Batch, "delivery": Delivery}[model]._default_manager.get().pk
    assert browser.get(reverse(f"admin:invalidation_{model}_add")).status_code == 403
    assert browser.post(reverse(f"admin:invalidation_{model}_delete", args=[pk]), {"post": "yes"}).status_code == 403
    assert browser.get(reverse(f"admin:invalidation_{model}_change", args=[pk])).status_code == 200
    if model != "event":
        assert (
            browser.post(reverse(f"admin:invalidation_{model}_change", args=[pk]), {"status": "x"}).status_code == 403
        )


@pytest.mark.parametrize("name", LISTS)
def test_staff_without_permission_see_nothing(sign_in: SignIn, name: str) -> None:
    assert sign_in().get(reverse(name)).status_code == 403


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("event", "status__exact=dead"),
        ("event", "lane__exact=editorial&status__exact=dead"),
        ("event", "source=command&status__exact=dead"),
        ("delivery", "status__exact=rejected"),
        ("delivery", "tier=inner&status__exact=rejected"),
        ("delivery", "delivery_pass__exact=purge&status__exact=rejected"),
        ("batch", "status__exact=dead"),
    ],
)
def test_filters_narrow_the_list(sign_in: SignIn, event_with: MakeEvent, name: str, query: str) -> None:
    event_with("done", "done", "purged", "purged")
    event_with("dead", "dead", "purged", "rejected")
    response = sign_in(*VIEW).get(reverse(f"admin:invalidation_{name}_changelist") + "?" + query)
    assert response.status_code == 200
    assert response.context["cl"].result_count == 1


def test_events_are_found_by_id_correlation_actor_and_reason(sign_in: SignIn, event_with: MakeEvent) -> None:
    wanted = event_with("done", "done", correlation_id="request-7", actor="lovelace", reason="court order")
    event_with("done", "done")
    browser = sign_in(*VIEW)
    for words in (str(wanted.uid), str(wanted.uid)[:8], str(wanted.uid)[:11], "request-7", " lovel", "court"):
        response = browser.get(reverse("admin:invalidation_event_changelist"), {"q": words})
        assert [event.pk for event in response.context["cl"].result_list] == [wanted.pk], words


def test_words_are_looked_for_in_the_newest_rows_and_ids_in_all(
    sign_in: SignIn, event_with: MakeEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "SEARCHED_ROWS", 2)
    old, *new = [event_with("dead", "dead", "dead", reason="court order", correlation_id=f"r-{n}") for n in range(3)]
    browser = sign_in(*VIEW)

    def found(model: str, words: str) -> set[int]:
        page = browser.get(reverse(f"admin:invalidation_{model}_changelist"), {"q": words})
        return {row.pk for row in page.context["cl"].result_list}

    assert found("event", "court") == {event.pk for event in new}
    assert found("event", str(old.uid)[:8]) == found("event", "r-0") == {old.pk}
    assert found("event", "nobody") == set()
    assert found("event", " ") == {event.pk for event in [old, *new]}
    assert len(found("delivery", "http")) <= 2


def test_the_newest_rows_of_those_that_match_are_sorted_and_more_are_told(
    sign_in: SignIn, event_with: MakeEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "SORTED_ROWS", 2)
    dead, *done = [event_with(status, status, "purged") for status in ("dead", "done", "done", "done")]
    browser = sign_in(*VIEW)

    def listed(**query: str) -> tuple[list[int], bool]:
        page = browser.get(reverse("admin:invalidation_event_changelist"), query)
        rows = [row.pk for row in page.context["cl"].result_list]
        return rows, "Only the newest 2 of these are sorted" in page.content.decode()

    assert listed() == ([event.pk for event in [*reversed(done), dead]], False)
    assert listed(o="1") == ([event.pk for event in done[1:]], True)
    assert listed(o="1", status__exact="dead") == ([dead.pk], False)


def test_lists_link_to_each_other(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("done", "done", "purged")
    browser = sign_in(*VIEW)
    batch_url = reverse("admin:invalidation_batch_change", args=[event.batch_id])
    assert batch_url in browser.get(reverse("admin:invalidation_event_changelist")).content.decode()
    assert batch_url in browser.get(reverse("admin:invalidation_delivery_changelist")).content.decode()
    page = browser.get(batch_url).content.decode()
    for model in ("event", "delivery"):
        address = f"{reverse(f'admin:invalidation_{model}_changelist')}?batch__id__exact={event.batch_id}"
        assert address in page
        assert browser.get(address).context["cl"].result_count == 1


def test_no_page_holds_a_secret(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("dead", "dead", "purged", "rejected")
    browser = sign_in(*VIEW, "purge", "purge_everything")
    pages = [reverse(name) for name in LISTS] + [
        reverse("admin:invalidation_event_change", args=[event.pk]),
        reverse("admin:invalidation_batch_change", args=[event.batch_id]),
        *(reverse("admin:invalidation_delivery_change", args=[row.pk]) for row in Delivery.objects.all()),
        reverse("admin:invalidation_event_purge"),
    ]
    for page in pages:
        response = browser.get(page)
        assert response.status_code == 200
        assert SECRET not in response.content.decode()


def test_the_overview_page_shows_backlog_and_tiers_to_those_who_may_look(
    sign_in: SignIn, event_with: MakeEvent, pending_event: Event
) -> None:
    event_with("dead", "dead", "purged", "rejected")
    shown = sign_in("view_event").get(reverse("admin:invalidation_event_overview")).content.decode()
    for words in ("status__exact=pending&amp;lane__exact=editorial", "tier=inner&amp;status__exact=rejected"):
        assert words in shown
    assert SECRET not in shown


def test_the_overview_page_is_refused_to_others(sign_in: SignIn) -> None:
    assert sign_in().get(reverse("admin:invalidation_event_overview")).status_code == 403


def replay(browser: Client) -> int:
    """Press "Replay selected deliveries" with every delivery selected."""
    pks = list(Delivery.objects.values_list("pk", flat=True))
    data = {"action": "replay_selected", "_selected_action": pks}
    return browser.post(reverse("admin:invalidation_delivery_changelist"), data).status_code


def test_replay_gives_only_dead_letters_another_life_and_is_audited(sign_in: SignIn, event_with: MakeEvent) -> None:
    event_with("dead", "dead", "purged", "dead", "rejected")
    assert replay(sign_in(*VIEW, "purge")) == 302
    assert list(Delivery.objects.order_by("id").values_list("status", flat=True)) == ["purged", "pending", "pending"]
    assert LogEntry.objects.filter(user__username="grace").count() == 2


def test_replay_without_permission_changes_nothing(sign_in: SignIn, event_with: MakeEvent) -> None:
    event_with("dead", "dead", "dead")
    replay(sign_in(*VIEW))
    assert Delivery.objects.get().status == "dead"
    assert not LogEntry.objects.exists()


def test_the_filter_offers_every_source_that_there_is(sign_in: SignIn, event_with: MakeEvent) -> None:
    event_with("done", "done", "purged")
    page = sign_in(*VIEW).get(reverse("admin:invalidation_event_changelist")).content.decode()
    assert [source for source in Source.values if f"?source={source}" not in page] == []
