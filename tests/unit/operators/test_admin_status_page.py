"""The status page of an event says what is true, and goes on looking until nothing can change."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

import invalidation
from invalidation.models import Attempt, Batch, Delivery, Event, EventStatus, Verification
from tests.unit.operators.conftest import INNER_NODE, SITE, MakeEvent

SignIn = Callable[..., Client]
#: Session and user, permissions, event with batch, deliveries, attempts, merged, verifications.
STATEMENTS = 12
REFRESH = '<meta http-equiv="refresh"'
FRAGMENT = "?fragment"


def page(browser: Client, event: Event, query: str = "") -> str:
    """The status page as text."""
    response = browser.get(reverse("admin:invalidation_event_change", args=[event.pk]) + query)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize(
    ("states", "words", "final"),
    [
        (("claimed", "running", "pending", "pending"), "its deliveries are under way", False),
        (("claimed", "running", "purged", "running"), "its deliveries are under way", False),
        (("claimed", "running", "purged", "failed"), "again at", False),
        (("claimed", "running", "purged", "deferred"), "again at", False),
        (("claimed", "running", "purged", "accepted"), "its deliveries are under way", False),
        (("done", "done", "purged", "purged"), "every tier confirmed it", True),
        (("done", "done", "purged", "pending"), "a later pass is still to come", False),
        (("dead", "dead", "purged", "dead"), "at least one tier did not confirm it", True),
        (("dead", "dead", "purged", "rejected"), "at least one tier did not confirm it", True),
    ],
)
def test_the_page_tells_the_truth_in_every_state(
    sign_in: SignIn, event_with: MakeEvent, states: tuple[str, ...], words: str, final: bool
) -> None:
    shown = page(sign_in("view_event"), event_with(*states))
    assert words in shown
    assert f'data-status="{states[0]}" data-final="{str(final).lower()}"' in shown
    assert (REFRESH in shown) is not final
    for tier, status in zip(("cache", "inner"), states[2:], strict=True):
        assert f'data-tier="{tier}" data-status="{status}"' in shown


@pytest.mark.parametrize(
    ("event", "own", "shown"),
    [
        ({}, {}, "Editorial, delete"),
        ({}, {"inner": "delete"}, "Editorial, delete"),
        ({}, {"inner": "refresh", "outer": "invalidate"}, "Editorial, delete (refresh at inner, invalidate at outer)"),
        ({"mode": "refresh"}, {"inner": "refresh", "outer": "delete"}, "Editorial, refresh (delete at outer)"),
        ({"tiers": "inner"}, {"inner": "refresh", "outer": "refresh"}, "delete (refresh at inner), for inner alone"),
        ({"tiers": "gone"}, {"inner": "refresh"}, "Editorial, delete, for gone alone"),
        ({"lane": "takedown"}, {"outer": "invalidate"}, "Takedown, delete"),
    ],
)
def test_a_tier_s_own_mode_is_shown_where_it_is_another(
    sign_in: SignIn, settings: Settings, event: Any, own: dict[str, str], shown: str
) -> None:
    tiers = settings.INVALIDATION["TIERS"]
    moded = {name: {**tier, **({"MODE": own[name]} if name in own else {})} for name, tier in tiers.items()}
    settings.INVALIDATION = {**settings.INVALIDATION, "TIERS": moded}
    stored = Event.objects.create(source="code", targets={"tags": ["a"]}, **event)
    assert f"{shown}</dd>" in page(sign_in("view_event"), stored)


@pytest.mark.parametrize("status", EventStatus.values)
def test_an_event_of_a_lane_that_another_version_knew_has_its_page(sign_in: SignIn, status: str) -> None:
    event = Event.objects.create(source="code", targets={"tags": ["a"]}, lane="another", status=status)
    Event.objects.update(created_at=timezone.now() - timedelta(days=1))
    assert "another" in page(sign_in("view_event"), event)


def test_a_pending_event_waits_for_a_worker(sign_in: SignIn, pending_event: Event) -> None:
    shown = page(sign_in("view_event"), pending_event)
    assert "waiting for a worker" in shown
    assert "Not claimed yet" in shown
    assert REFRESH in shown


def test_the_chain_from_cause_to_outcome_is_shown(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("dead", "dead", "purged", "rejected")
    shown = page(sign_in("view_event"), event)
    for word in (
        "ada",
        "command",
        "a test",
        "request-1",
        "blog.post:42",
        f"Batch {event.batch_id}",
        "1795290000000000",
    ):
        assert word in shown
    for word in ("removed 3 copies", "2.1", "403 Secret required", "refused for good"):
        assert word in shown
    assert "200 Purged" not in shown
    assert "go away" not in shown
    assert reverse("admin:invalidation_delivery_change", args=[Delivery.objects.last().pk]) in shown  # type: ignore[union-attr]


def test_what_the_planner_decided_is_shown(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("done", "done", "purged")
    Delivery.objects.update(decisions=["left out 2 URLs on no site of this tier"])
    assert "left out 2 URLs on no site of this tier" in page(sign_in("view_event"), event)


def test_what_the_nodes_served_afterwards_is_shown(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("done", "done", "purged", "purged")
    asked: dict[str, Any] = {"batch_id": event.batch_id, "tier": "inner", "node": INNER_NODE}
    Verification.objects.create(
        **asked, url=f"{SITE}/old/", status_code=200, cache_status="HIT", sequence=1_795_289_999_999_999, stale=True
    )
    Verification.objects.create(**asked, url=f"{SITE}/new/", status_code=404)
    Verification.objects.create(**asked, url=f"{SITE}/away/", error="could not be asked: <i>away</i>")
    Verification.objects.create(**asked, url=f"{SITE}/fresh/", status_code=200, sequence=1_795_290_000_000_001)
    shown = page(sign_in("view_event"), event)
    for words in (
        f"stale: {SITE}/old/ was older than the purge",
        f"keeps no copy of {SITE}/new/ (404)",
        f"could not be asked for {SITE}/away/",
        f"fresh: {SITE}/fresh/ (200)",
    ):
        assert words in shown
    assert "<i>away" not in shown


def test_verifications_of_other_events_are_not_shown(sign_in: SignIn, event_with: MakeEvent) -> None:
    event, other = event_with("done", "done", "purged"), event_with("done", "done", "purged")
    Verification.objects.create(batch_id=other.batch_id or 0, tier="inner", node=INNER_NODE, url=f"{SITE}/other/")
    shown = page(sign_in("view_event"), event)
    assert f"{SITE}/other/" not in shown
    assert "the budget was used up" in shown


def test_the_page_waits_for_the_verification(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("done", "done", "purged")
    Batch.objects.update(verified_at=None)
    shown = page(sign_in("view_event"), event)
    assert "None yet." in shown
    assert REFRESH in shown


def test_a_window_forgotten_over_an_old_event_asks_seldom(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("claimed", "running", "failed", created_at=timezone.now() - timedelta(hours=1))
    browser = sign_in("view_event")
    assert 'data-live-seconds="30"' in page(browser, event)
    answer = browser.get(reverse("admin:invalidation_event_change", args=[event.pk]) + FRAGMENT)
    assert answer.headers["X-Live-Seconds"] == "30"
    assert "<html" not in answer.content.decode()


def test_a_page_that_can_change_no_more_asks_no_more(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("done", "done", "purged", "purged")
    answer = sign_in("view_event").get(reverse("admin:invalidation_event_change", args=[event.pk]) + FRAGMENT)
    assert answer.headers["X-Live-Seconds"] == "0"


def test_its_dead_letters_are_replayed_where_they_are_shown(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("dead", "dead", "purged", "dead", "rejected")
    browser = sign_in("view_event", "purge")
    assert "Replay its 2 dead letters" in page(browser, event)
    answer = browser.post(reverse("admin:invalidation_event_change", args=[event.pk]), follow=True)
    shown = answer.content.decode()
    assert "2 dead letters are replayed." in shown
    assert "replayed by grace" in shown
    assert shown.count("403 Secret required") >= 2
    assert list(Delivery.objects.order_by("id").values_list("status", flat=True)) == ["purged", "pending", "pending"]


def test_those_who_may_only_look_replay_nothing(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("dead", "dead", "dead")
    browser = sign_in("view_event")
    assert '<button type="submit">Replay' not in page(browser, event)
    assert browser.post(reverse("admin:invalidation_event_change", args=[event.pk])).status_code == 403
    assert Delivery.objects.get().status == "dead"


def test_the_same_is_purged_again_by_a_form_that_is_filled(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("done", "done", "purged")
    browser = sign_in("view_event", "purge")
    [address] = re.findall(r'href="([^"]+)">Purge the same again', page(browser, event))
    form = browser.get(address.replace("&amp;", "&")).content.decode()
    assert "blog.post:42" in form
    assert "Again: a test" in form


def test_the_object_that_was_written_leads_to_its_own_page(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("done", "done", "purged", source="signal", reason="blog.post:42 changed: slug 'a' → 'b'; title")
    browser = sign_in("view_event")
    assert reverse("admin:blog_post_change", args=[42]) not in page(browser, event)
    with invalidation.suspend("the reference site shows its users as authors"):
        User.objects.get().user_permissions.add(Permission.objects.get(codename="view_post"))
    shown = page(browser, event)
    assert f'<a href="{reverse("admin:blog_post_change", args=[42])}">blog.post:42</a>' in shown
    assert "slug &#x27;a&#x27; → &#x27;b&#x27;; title" in shown


def test_what_waits_for_a_node_that_fails_says_why_and_what_to_do(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("claimed", "running", "purged", "failed")
    Delivery.objects.filter(status="failed").update(error=f"{INNER_NODE} can't be reached: Connection refused")
    shown = page(sign_in("view_event"), event)
    assert 'class="inv-mood inv-warn"' in shown
    assert "inner 127.0.0.1:6081 refused the connection.</strong> Nothing listens there" in shown


def test_what_it_was_merged_with_is_named(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("done", "done", "purged", claimed_at=timezone.now())
    other = Event.objects.create(source="code", status="done", batch=event.batch, reason="another one")
    Batch.objects.update(event_count=2)
    shown = page(sign_in("view_event"), event)
    assert f"merged with 1 other event into batch {event.batch_id}" in shown
    assert reverse("admin:invalidation_event_change", args=[other.pk]) in shown
    assert "another one" in shown


def test_every_attempt_is_on_the_timeline(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("dead", "dead", "purged", "dead")
    row, now = Delivery.objects.get(status="dead"), timezone.now()
    refused = f"{INNER_NODE} can't be reached: Connection refused"
    for status, times in (("failed", 7), ("dead", 1)):
        Attempt.objects.create(delivery=row, status=status, times=times, ended_at=now, error=refused, milliseconds=2.5)
    shown = page(sign_in("view_event"), event)
    for words in ("failed: refused the connection, 7 times", "given up: refused the connection", "2.5 ms"):
        assert words in shown


def test_the_page_asks_as_many_statements_for_many_nodes_as_for_one(sign_in: SignIn, event_with: MakeEvent) -> None:
    event, browser = event_with("dead", "dead", "dead"), sign_in("view_event")
    page(browser, event)
    with CaptureQueriesContext(connection) as few:
        page(browser, event)
    rows = Delivery.objects.bulk_create(
        Delivery(batch_id=event.batch_id or 0, tier="inner", node=f"http://n{number}", status="dead", error="x")
        for number in range(50)
    )
    now = timezone.now()
    Attempt.objects.bulk_create(Attempt(delivery=row, status="failed", ended_at=now, error="x") for row in rows)
    with CaptureQueriesContext(connection) as many:
        page(browser, event)
    assert len(many) == len(few) == STATEMENTS


def test_the_page_is_found_by_the_events_own_id(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("done", "done", "purged")
    response = sign_in("view_event").get(reverse("admin:invalidation_event_change", args=[event.uid]))
    assert response.context["event"].pk == event.pk


@pytest.mark.parametrize("unknown", ["999", "nonsense", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_event_leads_back_to_the_admin(sign_in: SignIn, unknown: str) -> None:
    response = sign_in("view_event").get(reverse("admin:invalidation_event_change", args=[unknown]))
    assert response.status_code == 302


def test_staff_without_permission_do_not_see_it(sign_in: SignIn, pending_event: Event) -> None:
    response = sign_in().get(reverse("admin:invalidation_event_change", args=[pending_event.pk]))
    assert response.status_code == 403


def test_what_people_and_providers_write_is_escaped(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("dead", "dead", "dead", reason="<script>alert(1)</script>")
    Delivery.objects.update(reply="<script>alert(2)</script>", error="<b>no</b>")
    shown = page(sign_in("view_event"), event)
    assert "<script>alert" not in shown
    assert "<b>no</b>" not in shown
