"""What the admin's pages say where there is nothing, too much, or something old, and where they lead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from invalidation.admin.objects import selected
from invalidation.models import Event
from invalidation.status.overview.alarms import alarms
from invalidation.status.overview.board import Board, LaneStanding
from invalidation.templatetags.invalidation_admin import dated, linked, moment, mood, short_life
from project.blog.models import Category
from tests.unit.operators.conftest import MakeEvent

SignIn = Callable[..., Client]
EVENTS = "admin:invalidation_event_changelist"


def text(browser: Client, name: str, *arguments: object, query: str = "") -> str:
    """A page of the admin."""
    answer = browser.get(reverse(f"admin:{name}", args=arguments) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def report(*findings: tuple[str, str, str, str]) -> dict[str, object]:
    """Of the doctor: tier, node, words, remedy of each finding."""
    names = ("tier", "node", "words", "remedy")
    rows = [dict(zip(names, finding, strict=True)) for finding in findings]
    return {"findings": rows, "examined_at": timezone.now().isoformat()}


def test_what_the_doctor_found_first_is_told_on_the_dashboard_with_its_remedy() -> None:
    beat = ("", "", "Beat has sent nothing.", "Start it.")
    node = ("varnish", "http://10.0.0.5", "The node refuses the secret.", "Compare it.")
    [one] = alarms(Board(timezone.now(), report=report(beat)))
    assert (one.words, one.remedy) == ("The doctor, 0 s ago: Beat has sent nothing", "Start it.")
    [more] = alarms(Board(timezone.now(), report=report(node, beat, beat)))
    assert more.words == "The doctor, 0 s ago, of varnish 10.0.0.5: The node refuses the secret"
    assert more.remedy == "Compare it. Its report has 2 more."


@pytest.mark.parametrize(
    ("waiting", "leads_to"), [(3, "event/?status__exact=pending&amp;lane__exact=editorial"), (0, "batch/")]
)
def test_what_is_stuck_leads_to_the_list_that_has_it(
    sign_in: SignIn, pending_event: Event, event_with: MakeEvent, waiting: int, leads_to: str
) -> None:
    lane = LaneStanding("editorial", waiting, 60.0)
    [alarm] = alarms(Board(timezone.now(), lanes=[lane]))
    assert alarm.leads_to == ("lane editorial" if waiting else "events")
    old = timezone.now() - timedelta(seconds=60)
    if not waiting:
        Event.objects.all().delete()
        event_with("claimed", "running", "running")
    Event.objects.update(created_at=old)
    assert leads_to in text(sign_in("view_event"), "invalidation_event_overview", query="?fragment")


def test_an_event_that_nobody_claims_says_what_to_do_once_that_is_long(sign_in: SignIn, pending_event: Event) -> None:
    browser = sign_in("purge")
    young = text(browser, "invalidation_event_change", pending_event.pk)
    assert "waiting for a worker to claim it" in young
    Event.objects.update(created_at=timezone.now() - timedelta(seconds=90))
    old = text(browser, "invalidation_event_change", pending_event.pk)
    assert "no worker has claimed it for 90 s" in old
    assert "Do workers and beat run?" in old
    assert 'class="inv-mood inv-warn"' in old


def test_nobody_is_led_to_repeat_a_purge_that_has_not_ended(sign_in: SignIn, event_with: MakeEvent) -> None:
    browser = sign_in("purge")
    running = event_with("claimed", "running", "purged", "deferred")
    assert "Purge the same again" not in text(browser, "invalidation_event_change", running.pk)
    done = event_with("done", "done", "purged")
    assert "Purge the same again" in text(browser, "invalidation_event_change", done.pk)


def test_a_node_that_put_a_purge_off_does_not_look_well(sign_in: SignIn, event_with: MakeEvent) -> None:
    event = event_with("claimed", "running", "purged", "deferred", "pending")
    shown = text(sign_in("view_event"), "invalidation_event_change", event.pk)
    for tier, colour in (("cache", "well"), ("inner", "warn"), ("outer", "calm")):
        assert f'class="inv-node inv-{colour}" data-tier="{tier}"' in shown


def test_a_long_list_of_targets_is_folded_and_none_of_it_is_lost(sign_in: SignIn, event_with: MakeEvent) -> None:
    tags = [f"blog.post:{number}" for number in range(14)]
    shown = text(
        sign_in("view_event"), "invalidation_event_change", event_with("done", targets={"tags": tags}).pk
    )  # the first ten stand there at once
    assert "<details><summary>and 4 more</summary><code>blog.post:10</code>" in shown
    assert all(f"<code>{tag}</code>" in shown for tag in tags)


def test_a_list_that_nobody_searched_counts_no_results(sign_in: SignIn, pending_event: Event) -> None:
    browser = sign_in("view_event")
    assert "Show all" not in text(browser, "invalidation_event_changelist")
    assert "Show all" in text(browser, "invalidation_event_changelist", query="?q=grace")


@pytest.mark.parametrize(
    ("permission", "pages"), [("view_own", []), ("view_event", ["overview"]), ("purge", ["overview", "purge"])]
)
def test_the_app_s_own_page_leads_to_what_one_may_use(sign_in: SignIn, permission: str, pages: list[str]) -> None:
    shown = text(sign_in(permission), "app_list", "invalidation")
    known = {name: reverse(f"admin:invalidation_event_{name}") for name in ("overview", "purge")}
    assert [name for name, url in known.items() if f'"{url}"' in shown] == pages


def test_of_many_selected_objects_the_reason_names_a_few() -> None:
    many = [Category(name=f"Tea {number}") for number in range(100)]
    assert selected(many) == "100 selected: Tea 0, Tea 1, Tea 2 and 97 more"
    assert selected(many[:2]) == "2 selected: Tea 0, Tea 1"


def test_an_instant_in_a_sentence_is_written_as_everywhere(settings: Settings) -> None:
    settings.TIME_ZONE = "UTC"
    now = datetime.now(UTC).replace(microsecond=0)
    shown = dated(f"purged at {now.isoformat()}, and <nobody> asked since")
    assert shown.startswith(f'purged at <time datetime="{now.isoformat()}"')
    assert shown.endswith(f">{now:%H:%M:%S}</time>, and &lt;nobody&gt; asked since")
    assert dated("no <instant>") == "no &lt;instant&gt;"


def test_an_instant_names_day_and_year_where_they_are_not_todays(settings: Settings) -> None:
    settings.TIME_ZONE = "UTC"
    now = datetime.now(UTC)
    assert f">{now:%H:%M:%S}</time>" in moment(now)
    long_ago = now - timedelta(days=400)
    assert f">{long_ago:%-d %b %Y %H:%M:%S}</time>" in moment(long_ago)


def test_an_event_in_a_sentence_is_a_link() -> None:
    url = f"{reverse(EVENTS)}?q=7cc34da1"
    assert linked("by <root> (event 7cc34da1)") == f'by &lt;root&gt; (<a href="{url}">event 7cc34da1</a>)'
    assert linked("by nobody") == "by nobody"


def test_what_has_not_ended_has_no_colour() -> None:
    assert [mood(status) for status in ("pending", "running", "done", "deferred", "dead")] == [
        *("calm", "calm", "well", "warn", "bad")
    ]


def test_pages_with_a_short_life_are_counted_with_the_reason() -> None:
    assert short_life({"redis": 2, "room": 0}) == "2 because Redis was away"
