"""The status page of an event says what is true, and goes on looking until nothing can change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from invalidation.models import Batch, Delivery, Event, Verification
from tests.operators.conftest import INNER_NODE, SITE, MakeEvent

SignIn = Callable[..., Client]
REFRESH = '<meta http-equiv="refresh"'


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
        (("done", "done", "purged", "purged"), "every tier confirmed it.", True),
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
    for word in ("200 Purged", "2.1", "403 Secret required", "go away"):
        assert word in shown
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
    for words in (f"{SITE}/old/", "> stale<", "200 HIT", "1795289999999999", "not stale", "404"):
        assert words in shown
    assert shown.count('data-tier="inner" data-stale="true"') == 1
    assert "could not be asked: &lt;i&gt;away" in shown
    assert shown.count("> not stale<") == 1
    assert "no sequence: nothing that a cache may keep" in shown


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


def test_reloading_can_be_stopped_and_resumed(sign_in: SignIn, pending_event: Event) -> None:
    shown = page(sign_in("view_event"), pending_event, "?paused")
    assert REFRESH not in shown
    assert 'href="?"' in shown


def test_a_window_forgotten_over_an_old_event_reloads_seldom(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("claimed", "running", "failed", created_at=timezone.now() - timedelta(hours=1))
    assert 'http-equiv="refresh" content="30"' in page(sign_in("view_event"), event)


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
