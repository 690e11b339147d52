"""The manual purge: who may, what is refused, what the preview shows, what is stored."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

import invalidation
from invalidation.exceptions import TransientError
from invalidation.models import Event
from invalidation.pipeline.delivery.breaker import guarded
from project.blog.models import Category, Post
from tests.unit.operators.conftest import INNER_NODE, OUTER_NODE, SECRET, SITE, UNREADABLE_URLS

SignIn = Callable[..., Client]


def send(browser: Client, button: str, **fields: Any) -> Any:
    """Press one of the form's buttons."""
    return browser.post(reverse("admin:invalidation_event_purge"), {"lane": "editorial", button: "1", **fields})


def refused() -> None:
    """What a call to a node comes to where nobody listens."""
    raise TransientError("Connection refused")


def test_the_list_leads_to_the_form_for_those_who_may(sign_in: SignIn) -> None:
    address = reverse("admin:invalidation_event_purge")
    assert address == "/admin/invalidation/event/purge/"
    browser = sign_in("purge")
    assert f'href="{address}"' in browser.get(reverse("admin:invalidation_event_changelist")).content.decode()
    assert browser.get(address).status_code == 200


def test_those_who_may_only_look_find_no_button_and_no_form(sign_in: SignIn) -> None:
    browser = sign_in("view_event")
    address = reverse("admin:invalidation_event_purge")
    assert address not in browser.get(reverse("admin:invalidation_event_changelist")).content.decode()
    assert browser.get(address).status_code == 403
    assert send(browser, "confirm", tags="blog.post").status_code == 403
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_strangers_are_sent_to_the_login() -> None:
    assert "/login/" in send(Client(), "confirm", tags="blog.post").headers["Location"]
    assert not Event.objects.exists()


def test_a_form_from_another_site_is_refused(sign_in: SignIn) -> None:
    sign_in("purge")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.get())
    assert send(browser, "confirm", tags="blog.post").status_code == 403


def test_the_preview_shows_what_where_and_how_many_calls_and_stores_nothing(sign_in: SignIn) -> None:
    response = send(sign_in("purge"), "preview", tags="blog.post:42\nblog.post", urls="/blog/", lane="takedown")
    shown = response.content.decode()
    nodes = [node.partition("://")[2] for node in (INNER_NODE, OUTER_NODE)]
    for word in ("blog.post:42", "/blog/", "cache", "inner", "outer", "takedown", *nodes):
        assert word in shown
    assert all(row["calls"] >= 1 for row in response.context["forecast"]["tiers"])
    assert "No page is known" in shown
    assert SECRET not in shown
    assert not Event.objects.exists()


def test_the_preview_says_which_node_is_left_alone(sign_in: SignIn) -> None:
    browser = sign_in("purge")
    assert "is left alone now" not in send(browser, "preview", tags="blog.post:42").content.decode()
    for _ in range(5):
        with suppress(TransientError):
            guarded("inner", INNER_NODE, refused)
    shown = send(browser, "preview", tags="blog.post:42").content.decode()
    assert 'inv-bad" data-tier="inner"' in shown
    assert shown.count("is left alone now") == 1


def test_the_preview_carries_the_form_to_the_confirmation(sign_in: SignIn) -> None:
    browser = sign_in("purge", "purge_everything")
    fields = {"tags": "blog.post\r\nblog.tag", "urls": "/a/", "everything": "on", "tiers": ["inner"], "reason": "x"}
    form = send(browser, "preview", **fields).context["form"]
    hidden = {field.html_name: field.value() for field in form if field.value() is not None}
    assert hidden["tags"].split() == ["blog.post", "blog.tag"]
    assert send(browser, "confirm", **hidden, confirm_wide="everything").status_code == 302
    assert Event.objects.get().targets == {"tags": ["blog.post", "blog.tag"], "urls": ["/a/"], "everything": True}


def test_the_confirmation_stores_the_purge_and_leads_to_its_status(sign_in: SignIn) -> None:
    browser = sign_in("purge")
    response = send(
        browser, "confirm", tags="blog.post", urls=f"/blog/\n{SITE}/about/", prefixes="/media/", keys="sidebar\n\n",
        lane="takedown", mode="refresh", reason="court order", tiers=["outer"],
    )  # fmt: skip
    event = Event.objects.get()
    assert event.targets == {
        "tags": ["blog.post"],
        "urls": ["/blog/", f"{SITE}/about/"],
        "prefixes": ["/media/"],
        "keys": ["sidebar"],
    }
    assert (event.source, event.actor, event.lane, event.mode, event.reason, event.tiers) == (
        *("admin", "grace", "takedown", "refresh", "court order", "outer"),
    )
    assert response.headers["Location"] == reverse("admin:invalidation_event_change", args=[event.pk])
    assert browser.get(response.headers["Location"]).status_code == 200


def test_the_purge_is_audited(sign_in: SignIn) -> None:
    send(sign_in("purge"), "confirm", tags="blog.post")
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("grace", str(Event.objects.get().pk))
    assert "blog.post" in entry.get_change_message()


def test_changing_ones_mind_keeps_what_was_typed(sign_in: SignIn) -> None:
    response = send(sign_in("purge"), "edit", tags="blog.post")
    assert "blog.post" in response.content.decode()
    assert not Event.objects.exists()


@pytest.mark.parametrize("button", ["preview", "confirm"])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Name at least one tag"),
        ({"tags": "blog.post\nBlog Post"}, "&#x27;Blog Post&#x27; is not a tag"),
        ({"urls": "https://evil.example/"}, "none of the configured sites"),
        ({"urls": "//evil.example/"}, "is not a URL"),
        ({"urls": "https://blog.example.evil.example/"}, "none of the configured sites"),
        ({"urls": "https://user:password@blog.example/"}, "credentials"),
        ({"prefixes": "https://evil.example/"}, "none of the configured sites"),
        ({"prefixes": "/blog/*"}, "is not a prefix"),
        *(({kind: url}, "can&#x27;t be read as a URL") for kind in ("urls", "prefixes") for url in UNREADABLE_URLS),
        ({"tags": "a", "lane": "express"}, "not one of the available choices"),
        ({"tags": "a", "mode": "soft"}, "not one of the available choices"),
        ({"tags": "a", "lane": "takedown", "mode": "invalidate"}, "leave the mode out"),
        ({"tags": "a", "tiers": ["nowhere"]}, "not one of the available choices"),
        ({"tags": "a", "reason": "x" * 256}, "at most 255 characters"),
        ({"everything": "on"}, "You may not purge everything"),
        ({"prefixes": "/"}, "You may not purge everything"),
        ({"prefixes": SITE}, "You may not purge everything"),
        ({"tags": "\n".join(f"t{number}" for number in range(1001))}, "above the limit of 1000"),
    ],
)
def test_bad_input_is_named_and_nothing_is_stored(
    sign_in: SignIn, button: str, fields: dict[str, Any], words: str
) -> None:
    response = send(sign_in("purge"), button, **fields)
    assert response.status_code == 200
    assert words in response.content.decode()
    assert not Event.objects.exists()


@pytest.mark.parametrize("fields", [{"everything": "on"}, {"prefixes": "/"}])
def test_everything_needs_its_own_permission(sign_in: SignIn, fields: dict[str, str]) -> None:
    assert send(sign_in("purge", "purge_everything"), "confirm", **fields, confirm_wide="everything").status_code == 302
    assert Event.objects.count() == 1


@pytest.fixture
def post(db: None) -> Post:
    """A draft: not public, yet copies of an earlier state may be cached."""
    author = User.objects.create_user("ada")
    category = Category.objects.create(name="News", slug="news")
    post: Post = Post.objects.create(title="First", slug="first", body="…", category=category, author=author)
    Event.objects.all().delete()
    return post


def press_purge(browser: Client, post: Post) -> Any:
    """Choose "Purge cached copies" for one post in the blog's own admin."""
    data = {"action": "purge_cached_copies", "_selected_action": [post.pk]}
    return browser.post(reverse("admin:blog_post_changelist"), data, follow=True)


def test_the_action_of_a_models_admin_purges_what_its_object_appears_in(sign_in: SignIn, post: Post) -> None:
    browser = sign_in("purge")
    with invalidation.suspend("the reference site shows its users as authors"):
        User.objects.filter(username="grace").update(is_superuser=True)
    response = press_purge(browser, post)
    event = Event.objects.get()
    assert f"blog.post:{post.pk}" in event.targets["tags"]
    assert (event.source, event.actor) == ("admin", "grace")
    assert "First" in event.reason
    assert reverse("admin:invalidation_event_change", args=[event.pk]) in response.content.decode()
    assert LogEntry.objects.filter(object_id=str(post.pk)).exists()


def test_the_action_is_not_there_for_those_who_may_not_purge(sign_in: SignIn, post: Post) -> None:
    browser = sign_in()
    with invalidation.suspend("the reference site shows its users as authors"):
        User.objects.get(username="grace").user_permissions.set(Permission.objects.filter(codename__endswith="_post"))
    assert "purge_cached_copies" not in browser.get(reverse("admin:blog_post_changelist")).content.decode()
    press_purge(browser, post)
    assert not Event.objects.exists()
