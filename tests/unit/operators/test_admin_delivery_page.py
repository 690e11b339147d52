"""The page of a delivery and the lists: what went wrong stands first, in words, and nothing is JSON."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from invalidation.models import Batch, Delivery

pytestmark = pytest.mark.django_db
NODE = "http://127.0.0.1:6081"


def rejected(**values: Any) -> Delivery:
    """A delivery that a node has refused."""
    error = f"{NODE} refused with status 403: check the secret and the addresses that may purge."
    given = {"tier": "varnish", "node": NODE, "status": "rejected", "error": error, "reply": "403 <b>no</b>", **values}
    return Delivery.objects.create(batch=Batch.objects.create(), **given)


def page(browser: Client, delivery: Delivery) -> str:
    """Of one delivery."""
    return browser.get(reverse("admin:invalidation_delivery_change", args=[delivery.pk])).content.decode()


def test_the_remedy_the_error_and_the_reply_stand_before_the_counts(admin_client: Client) -> None:
    text = page(admin_client, rejected())
    places = [text.index(words) for words in ("Rejected", "Compare SECRET", "403 &lt;b&gt;no", "Attempts:")]
    assert places == sorted(places)


def test_calls_that_are_left_are_words(admin_client: Client) -> None:
    steps = [
        {"verb": "purge_tags", "items": ["a", "b"]},
        {"verb": "purge_keys", "items": [{"key": "k", "alias": "x", "version": 1}]},
        {"verb": "purge_urls", "items": [f"/{number}/" for number in range(52)]},
    ]
    text = page(admin_client, rejected(steps=steps, decisions=["wide: <all>"]))
    for words in (
        "<strong>purge tags</strong> a, b",
        "<strong>purge keys</strong> k",
        "/49/ and 2 more",
        "wide: &lt;all&gt;",
    ):
        assert words in text
    assert "&quot;verb&quot;" not in text


@pytest.mark.parametrize("steps", [[5], [{"verb": 1, "items": 2}], [{}]])
def test_steps_that_are_none_break_no_page(admin_client: Client, steps: Any) -> None:
    assert "left" in page(admin_client, rejected(steps=steps))


@pytest.mark.parametrize("steps", [None, []])
def test_a_page_has_no_row_for_what_there_is_not(admin_client: Client, steps: Any) -> None:
    text = page(admin_client, rejected(steps=steps))
    for label in ("Calls that are left:", "External id:", "Decisions:", "Asked again at:"):
        assert label not in text


def test_a_purge_that_was_proved_says_so_in_words_before_what_the_cache_answered(admin_client: Client) -> None:
    text = page(admin_client, rejected(status="purged", error="", removed=0, reply="404 <html>"))
    places = [text.index(words) for words in ("Purged", "purged: there was no copy", "Attempts:", "404 &lt;html&gt;")]
    assert places == sorted(places)
    assert "What to do:" not in text


def test_lists_show_at_a_glance_what_went_wrong(admin_client: Client) -> None:
    rejected()
    rejected(status="purged", error="")
    text = admin_client.get(reverse("admin:invalidation_delivery_changelist")).content.decode()
    assert '<span class="inv-badge inv-bad">Rejected</span>' in text
    assert '<span class="inv-badge inv-well">Purged</span>' in text
    assert "varnish 127.0.0.1:6081" in text
