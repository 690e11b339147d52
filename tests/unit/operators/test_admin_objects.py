"""The editor who has just published a wrong price: told that a purge runs, led to it, and able to repeat it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import invalidation
from invalidation.models import Event
from project.blog.models import Category

SignIn = Callable[..., Client]


@pytest.fixture
def category(db: None) -> Category:
    with invalidation.suspend("it is there already"):
        stored: Category = Category.objects.create(name="News", slug="news")
    return stored


@pytest.fixture
def editor(sign_in: SignIn) -> Callable[..., Client]:
    """Grace, who edits categories, with these permissions on purges."""

    def edit_with(*permissions: str) -> Client:
        browser = sign_in(*permissions)
        user = User.objects.get(username="grace")
        with invalidation.suspend("the reference site shows its users as authors"):
            user.user_permissions.add(*Permission.objects.filter(codename__endswith="_category"))
        return browser

    return edit_with


def purges(browser: Client, category: Category) -> Any:
    """The page of its purges."""
    return browser.get(reverse("admin:blog_category_purges", args=[category.pk]))


@pytest.mark.django_db(transaction=True)
def test_whoever_saves_is_told_that_a_purge_runs_and_led_to_it(editor: SignIn, category: Category) -> None:
    browser = editor("view_own")
    address = reverse("admin:blog_category_change", args=[category.pk])
    answer = browser.post(address, {"name": "World", "slug": "world"}, follow=True)
    event = Event.objects.get()
    assert (event.actor, event.source) == ("grace", "signal")
    shown = answer.content.decode()
    assert "in 3 tiers." in shown
    page = reverse("admin:invalidation_event_change", args=[event.pk])
    assert f'<a href="{page}">Follow the purge</a>' in shown
    story = browser.get(page).content.decode()
    assert f"blog.category:{category.pk} changed: slug &#x27;news&#x27; → &#x27;world&#x27;; name" in story


@pytest.mark.django_db(transaction=True)
def test_who_may_not_see_purges_is_told_nothing(editor: SignIn, category: Category) -> None:
    browser = editor()
    address = reverse("admin:blog_category_change", args=[category.pk])
    answer = browser.post(address, {"name": "World", "slug": "world"}, follow=True)
    assert Event.objects.count() == 1
    assert "Purging" not in answer.content.decode()
    assert purges(browser, category).status_code == 403


def test_an_object_leads_to_its_purges_and_its_button_purges_it(editor: SignIn, category: Category) -> None:
    browser = editor("purge")
    form = browser.get(reverse("admin:blog_category_change", args=[category.pk])).content.decode()
    assert f'href="{reverse("admin:blog_category_purges", args=[category.pk])}"' in form
    assert "Purge its cached copies now" in purges(browser, category).content.decode()
    pressed = {"action": "purge_cached_copies", "_selected_action": [category.pk]}
    assert browser.post(reverse("admin:blog_category_changelist"), pressed).status_code == 302
    event = Event.objects.get()
    shown = purges(browser, category).content.decode()
    assert reverse("admin:invalidation_event_change", args=[event.pk]) in shown
    assert "by grace" in shown


def test_the_history_of_an_object_names_it_alone(editor: SignIn, category: Category) -> None:
    for tag in (f"blog.category:{category.pk}", f"blog.category:{category.pk}0", "blog.category"):
        Event.objects.create(source="code", actor="ada", reason=f"of {tag}!", targets={"tags": [tag]})
    shown = purges(editor("view_event"), category).content.decode()
    assert f"of blog.category:{category.pk}!" in shown
    assert shown.count("of blog.category") == 1


def test_who_may_see_own_purges_sees_those_and_no_others(editor: SignIn, category: Category) -> None:
    browser, tags = editor("view_own"), {"tags": [f"blog.category:{category.pk}"]}
    own = Event.objects.create(source="signal", actor="grace", reason="own", targets=tags)
    other = Event.objects.create(source="signal", actor="ada", reason="hers", targets=tags)
    shown = purges(browser, category).content.decode()
    assert "own" in shown
    assert "hers" not in shown
    listed = browser.get(reverse("admin:invalidation_event_changelist"))
    assert [row.pk for row in listed.context["cl"].result_list] == [own.pk]
    assert "Dashboard" not in listed.content.decode()
    assert browser.get(reverse("admin:invalidation_event_change", args=[own.pk])).status_code == 200
    assert browser.get(reverse("admin:invalidation_event_change", args=[other.pk])).status_code in (302, 403)
    for name in ("event_overview", "event_doctor", "delivery_changelist", "batch_changelist"):
        assert browser.get(reverse(f"admin:invalidation_{name}")).status_code == 403


def test_the_history_asks_as_many_statements_for_many_events_as_for_one(editor: SignIn, category: Category) -> None:
    browser, tags = editor("view_event"), {"tags": [f"blog.category:{category.pk}"]}
    purges(browser, category)
    with CaptureQueriesContext(connection) as few:
        purges(browser, category)
    Event.objects.bulk_create(Event(source="code", targets=tags) for _ in range(50))
    with CaptureQueriesContext(connection) as many:
        purges(browser, category)
    assert len(many) == len(few) == 9
    assert any("LIMIT 20" in query["sql"] for query in many)


def test_an_object_that_is_not_there_has_no_purges(editor: SignIn) -> None:
    assert editor("purge").get(reverse("admin:blog_category_purges", args=[999])).status_code == 404


def test_the_history_leads_to_why_its_page_is_as_it_is(editor: SignIn, category: Category) -> None:
    asks = f"{reverse('admin:invalidation_event_why')}?"
    assert asks in purges(editor("view_event"), category).content.decode()


def test_who_may_see_own_purges_alone_is_led_nowhere(editor: SignIn, category: Category) -> None:
    assert reverse("admin:invalidation_event_why") not in purges(editor("view_own"), category).content.decode()
