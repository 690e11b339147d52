"""The admin in a browser: on call while a Varnish is down, an editor who saves, and every page for everybody's eyes."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from deploy.local.forms import Admin
from deploy.local.stack import Stack
from tests.browser.chromium import PHONE
from tests.browser.conftest import Visit
from tests.browser.refusing import refusing

pytestmark = [pytest.mark.takes(90), pytest.mark.timeout(300)]

DASHBOARD = "invalidation/event/overview/"
#: The promise: a fault is on the dashboard so soon after it cost a purge.
SEEN_MILLISECONDS = 10_000
#: What goes on by itself does so within the breaker's pause and one more try.
MENDED_MILLISECONDS = 90_000


def retitle(admin: Admin, pk: int, title: str) -> None:
    """Save a post with another title."""
    path = f"blog/post/{pk}/change/"
    admin.send(path, admin.form(path).values | {"title": [title]})


def never_reloaded(page: Page) -> bool:
    """Is it still the document that was opened?"""
    return bool(page.evaluate("window.opened === true"))


def test_on_call_a_stopped_varnish_is_seen_with_its_cause_mended_and_what_is_dead_replayed(
    stack: Stack, admin: Admin, visit: Visit
) -> None:
    assert stack.varnish
    page = visit().open(DASHBOARD)
    page.evaluate("window.opened = true")
    node = urlsplit(stack.varnish.url).netloc
    stack.varnish.stop()
    retitle(admin, 2, "A title that Varnish does not hear of")
    cause = page.locator(".inv-alarms li", has_text=f"varnish {node} refused the connection")
    expect(cause).to_be_visible(timeout=SEEN_MILLISECONDS)
    expect(cause).to_contain_text("Nothing listens there: start the server")
    expect(page.locator(".inv-node[data-tier=varnish]")).not_to_have_attribute("data-state", "up")
    with refusing(urlsplit(stack.varnish.url).port or 0):
        dead = page.locator(".inv-alarms li", has_text=f"varnish {node} refused the purge with 403")
        expect(dead).to_contain_text("Compare SECRET in OPTIONS", timeout=MENDED_MILLISECONDS)
        expect(dead).to_contain_text("dead letter")
        assert never_reloaded(page)
    stack.varnish.start()
    dead.get_by_role("button", name="Replay").click()
    expect(page.locator(".messagelist")).to_contain_text("replayed")
    expect(page.locator("#mood")).not_to_contain_text("refused", timeout=MENDED_MILLISECONDS)
    expect(page.locator(".inv-node[data-tier=varnish]")).to_have_attribute("data-state", "up")


def test_an_editor_who_saves_is_led_to_the_purge_and_sees_its_end_without_a_reload(visit: Visit) -> None:
    page = visit().open("blog/post/3/change/")
    page.fill("#id_title", "The right price")
    page.click("[name=_save]")
    told = page.locator(".messagelist li", has_text="Purging")
    expect(told).to_contain_text("tiers.")
    told.get_by_role("link", name="Follow the purge").click()
    page.evaluate("window.opened = true")
    expect(page.locator("#cause")).to_contain_text("blog.post:3 changed:")
    expect(page.locator("#event-status")).to_have_attribute("data-status", "done", timeout=60_000)
    for tier in ("cache", "varnish", "nginx"):
        expect(page.locator(f"#deliveries [data-tier={tier}]").first).to_have_attribute("data-status", "purged")
    expect(page.locator("#timeline")).to_contain_text("every tier has confirmed it")
    assert never_reloaded(page)
    page.get_by_role("link", name="blog.post:3", exact=True).click()
    page.get_by_role("link", name="Purges").click()
    expect(page.locator("#purges")).to_contain_text("blog.post:3 changed:")
    page.get_by_role("button", name="Purge its cached copies now").click()
    expect(page.locator(".messagelist")).to_contain_text("Cached copies are being purged")


def test_a_report_that_was_asked_for_appears_without_a_reload(visit: Visit) -> None:
    page = visit(width=PHONE).open("invalidation/event/doctor/")
    page.get_by_role("button", name="Examine now").click()
    page.evaluate("window.opened = true")
    expect(page.locator(".messagelist")).to_contain_text("appears here by itself")
    old = page.locator("#verdict time").get_attribute("datetime")
    expect(page.locator("#verdict time")).not_to_have_attribute("datetime", old or "", timeout=60_000)
    assert never_reloaded(page)


def test_on_a_phone_no_column_of_a_list_is_out_of_sight(visit: Visit, paths: list[str]) -> None:
    page = visit(width=PHONE).open("invalidation/event/")
    for name in ("event", "batch", "delivery"):
        page.goto(page.url.replace("/event/", f"/{name}/"))
        cells = page.locator("#result_list tbody tr:first-child > *")
        assert cells.count() > 5
        boxes = [box for cell in cells.all() if (box := cell.bounding_box())]
        assert max(box["x"] + box["width"] for box in boxes) <= PHONE


def test_a_page_whose_server_is_gone_says_that_it_is_old(visit: Visit) -> None:
    visitor = visit()
    page = visitor.open(DASHBOARD)
    visitor.context.set_offline(True)
    expect(page.locator("[data-live-words]")).to_contain_text("Old: the server has not answered", timeout=15_000)
    visitor.context.set_offline(False)
    expect(page.locator("[data-live-words]")).to_have_text("Live.", timeout=15_000)
    visitor.errors.clear()  # the browser's own word about being offline
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("[data-live-words]")).to_contain_text("Paused at")


@pytest.fixture
def paths(stack: Stack, admin: Admin) -> list[str]:
    """A page of each kind."""
    retitle(admin, 4, "Another title")
    asked = json.loads(stack.manage("purge", "--tag", "blog.post:4", "--at", "+2h", "--format", "json").stdout)
    return [
        DASHBOARD,
        *("invalidation/event/", "invalidation/batch/", "invalidation/delivery/"),
        *("invalidation/event/1/change/", "invalidation/batch/1/change/", "invalidation/delivery/1/change/"),
        *("invalidation/event/purge/", "invalidation/event/purge/?tags=blog.post:4", "invalidation/event/doctor/"),
        *("invalidation/scheduledevent/", f"invalidation/scheduledevent/{asked['id']}/change/"),
        "invalidation/event/audit/",
        "invalidation/event/why/?url=/blog/",
        "blog/post/4/purges/",
        *("invalidation/", "invalidation_api/token/", "invalidation_api/token/add/"),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_every_page(visit: Visit, paths: list[str], scheme: str) -> None:
    visitor = visit(scheme=scheme)
    grave = {}
    for path in paths:
        visitor.open(path)
        grave[path] = visitor.grave()
    assert {path: found for path, found in grave.items() if found} == {}


def test_who_asks_why_on_a_phone_is_told_of_every_tier(visit: Visit) -> None:
    visitor = visit(width=PHONE)
    page = visitor.open("invalidation/event/why/?url=/blog/")
    page.get_by_role("button", name="Ask every node").click()
    for tier in ("varnish", "nginx"):
        expect(page.locator(f".inv-answer [data-tier={tier}]")).to_be_visible()
    assert visitor.grave() == []
    assert visitor.width() <= PHONE


def test_no_page_is_wider_than_a_phone(visit: Visit, paths: list[str]) -> None:
    visitor = visit(width=PHONE)
    widths = {}
    for path in paths:
        visitor.open(path)
        widths[path] = visitor.width()
    assert {path: width for path, width in widths.items() if width > PHONE} == {}
