"""A configured site with three tiers, people with and without permissions, and events in every state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

import invalidation
from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus, Event, EventStatus

SECRET = "never-to-be-shown-0123456789"
INNER_NODE = "http://127.0.0.1:6081"
OUTER_NODE = "http://127.0.0.1:8081"
SITE = "https://blog.example"

#: What Python refuses to take apart, and what it takes apart into no port.
UNREADABLE_URLS = (
    *("http://[", "http://[::1", "https://[x]/", "http://a:b/", "http://a:70000/", "http://\N{ACCOUNT OF}/"),
    "http://127.0.0.1\N{FULLWIDTH COLON}9104/",
)

MakeEvent = Callable[..., Event]


@pytest.fixture(autouse=True)
def _tiers(settings: Settings) -> None:
    memory, options = "invalidation.providers.memory.Memory", {"SECRET": SECRET}
    settings.INVALIDATION = {
        "TIERS": {
            "cache": {"PROVIDER": memory, "OPTIONS": options},
            "inner": {"PROVIDER": memory, "FILLS_FROM": ["cache"], "NODES": [INNER_NODE], "OPTIONS": options},
            "outer": {"PROVIDER": memory, "FILLS_FROM": ["inner"], "NODES": [OUTER_NODE], "OPTIONS": options},
        },
        "SITES": [SITE],
    }


@pytest.fixture
def event_with(db: None) -> MakeEvent:
    """An event with a batch and one delivery per tier; the statuses by keyword."""

    def make(event: str, batch: str = BatchStatus.RUNNING, *deliveries: str, **values: Any) -> Event:
        now = timezone.now()
        final = event in (EventStatus.DONE, EventStatus.DEAD)
        row = Batch.objects.create(
            status=batch,
            event_count=1,
            sequence=1_795_290_000_000_000,
            targets={"tags": ["blog.post:42"]},
            completed_at=now if final else None,
            verified_at=now if final else None,
        )
        for tier, status in zip(("cache", "inner", "outer"), deliveries, strict=False):
            Delivery.objects.create(batch=row, tier=tier, node=INNER_NODE if tier == "inner" else "", **_ended(status))
        defaults = {
            "source": "command",
            "actor": "ada",
            "reason": "a test",
            "correlation_id": "request-1",
            "created_at": now - timedelta(milliseconds=50),
            "completed_at": now if final else None,
            "targets": {"tags": ["blog.post:42"]},
        }
        return Event.objects.create(status=event, batch=row, **(defaults | values))

    return make


def _ended(status: str) -> dict[str, Any]:
    """What a delivery in this state has to show for it."""
    if status == DeliveryStatus.PURGED:
        return {"status": status, "attempts": 1, "calls": 1, "removed": 3, "milliseconds": 2.1, "reply": "200 Purged"}
    if status in (DeliveryStatus.REJECTED, DeliveryStatus.DEAD, DeliveryStatus.FAILED):
        return {"status": status, "attempts": 8, "error": "403 Secret required", "reply": "go away"}
    return {"status": status}


@pytest.fixture
def pending_event(db: None) -> Event:
    """Stored, not yet claimed."""
    return Event.objects.create(source="code", targets={"urls": ["/blog/"]})


@pytest.fixture
def sign_in(db: None) -> Callable[..., Client]:
    """A browser signed in as a member of staff with the permissions named."""

    def sign_in_with(*permissions: str) -> Client:
        allowed = Permission.objects.filter(content_type__app_label="invalidation", codename__in=permissions)
        with invalidation.suspend("the reference site shows its users as authors"):
            user = User.objects.create_user("grace", is_staff=True)
            user.user_permissions.set(allowed)
        client = Client()
        client.force_login(user)
        return client

    return sign_in_with
