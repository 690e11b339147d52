"""`manage.py purge`: what it stores, prints and exits with."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from django.core.management import CommandError, call_command

from invalidation.models import Event
from invalidation.signals import event_recorded
from invalidation.status import documents
from invalidation.status.forecast import ForecastDocument, PlannedDocument
from tests.unit.operators.conftest import SECRET, SITE, UNREADABLE_URLS

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def purge(*arguments: str) -> str:
    """What the command printed."""
    output = io.StringIO()
    call_command("purge", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def settled_as(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Events end as soon as they are announced, as a worker would have them end."""

    def settle(end: str) -> None:
        def finish(sender: Any, database: str, uids: list[str], **_: Any) -> None:
            Event.objects.using(database).filter(uid__in=uids).update(status=end)

        receivers.append(finish)
        event_recorded.connect(finish, weak=False)

    receivers: list[Any] = []
    yield settle
    for receiver in receivers:
        event_recorded.disconnect(receiver)


@pytest.mark.django_db
def test_every_option_reaches_the_event() -> None:
    purge(
        *("--tag", "blog.post:42", "--tag", "blog.post", "--url", "/blog/", "--prefix", "/media/", "--key", "sidebar"),
        *("--lane", "takedown", "--mode", "refresh", "--reason", "court order", "--tier", "outer", "--tier", "inner"),
    )
    event = Event.objects.get()
    assert event.targets == {
        "tags": ["blog.post", "blog.post:42"],
        "urls": ["/blog/"],
        "prefixes": ["/media/"],
        "keys": ["sidebar"],
    }
    assert (event.source, event.lane, event.mode, event.reason, event.tiers) == (
        "command",
        "takedown",
        "refresh",
        "court order",
        "inner,outer",
    )
    assert event.actor


@pytest.mark.django_db
def test_json_is_the_status_document_and_nothing_else() -> None:
    printed = purge("--everything", "--confirm-wide", "--format", "json")
    assert json.loads(printed) == documents.document(documents.find(Event.objects.get().uid))


@pytest.mark.django_db
def test_the_table_names_the_event_without_colours_in_a_pipe() -> None:
    printed = purge("--tag", "blog.post:42")
    assert str(Event.objects.get().uid) in printed
    assert "\x1b" not in printed


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Nothing to invalidate"),
        (("--tag", "Blog Post"), "'Blog Post' is not a tag"),
        (("--url", "blog/"), "'blog/' is not a URL"),
        (("--url", "https://evil.example/x"), "none of the configured sites"),
        (("--prefix", "https://evil.example/"), "none of the configured sites"),
        (("--prefix", "/blog/*"), "is not a prefix"),
        *(
            ((option, url), "can't be read as a URL")
            for option in ("--url", "--prefix")
            for url in (*UNREADABLE_URLS, "/\udcff")
        ),
        (("--key", ""), "cache key can't be empty"),
        (("--key", "\udcff"), "is no text"),
        (("--tag", "blog.post", "--tier", "outermost"), "outermost"),
        (("--tag", "blog.post", "--lane", "express"), "invalid choice: 'express'"),
        (("--tag", "a", "--lane", "takedown", "--mode", "invalidate"), "leave the mode out"),
        (("--tag", "a", "--lane", "takedown", "--mode", "invalidate", "--dry-run"), "leave the mode out"),
        (("--tag", "blog.post", "--wait", "soon"), "'soon' is not a number of seconds"),
        (("--tag", "blog.post", "--wait", "nan"), "'nan' is not a number of seconds"),
        (("--tag", "blog.post", "--wait", "-1"), "'-1' is not a number of seconds"),
        (("--tag", "a", "--at", "tomorrow"), "'tomorrow' is not an instant; write 2026-12-24T08:00+01:00, or +2h"),
        (("--tag", "a", "--at", ""), "'' is not an instant"),
        (("--tag", "a", "--at", "+2"), "'+2' is not an instant"),
        (("--tag", "a", "--at", "+2w"), "'+2w' is not an instant"),
        (("--tag", "a", "--at", "+²h"), "is not an instant"),
        (("--tag", "a", "--at", "2h"), "'2h' is not an instant"),
        (("--tag", "a", "--at", "2126-02-30T08:00Z"), "is not an instant"),
        (("--tag", "a", "--at", "2126-12-24T08:00"), "has no time zone"),
        (("--tag", "a", "--at", "2126-12-24"), "has no time zone"),
        (("--tag", "a", "--at", "2126-12-24T08:00Z"), "is more than ten years away"),
        (("--tag", "a", "--at", "+999999d"), "is more than ten years away"),
        (("--tag", "a", "--at", "9999-12-31T23:59:59-14:00"), "is more than ten years away"),
        (("--tag", "a", "--at", "+2h", "--wait", "1"), "--wait follows a purge to its end"),
        (("--tag", "a", "--scheduled"), "purge nothing; leave the other options out"),
        (("--everything", "--withdraw", "0" * 32), "purge nothing; leave the other options out"),
        (("--at", "+2h", "--withdraw", "0" * 32), "purge nothing; leave the other options out"),
        (("--scheduled", "--withdraw", "0" * 32), "not allowed with argument"),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_bad_input_is_one_clear_line_and_stores_nothing(
    arguments: tuple[str, ...], words: str, dry: tuple[str, ...]
) -> None:
    with pytest.raises(CommandError) as error:
        purge(*arguments, *dry)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_a_reason_with_bytes_that_are_no_text_is_stored_legibly() -> None:
    purge("--tag", "blog.post", "--reason", "caf\udcc3\udca9 \x00!")
    event = Event.objects.get()
    assert event.reason == "caf?? ?!"
    assert documents.document(documents.find(event.uid))["reason"] == event.reason


@pytest.mark.django_db
def test_bad_targets_are_a_usage_error() -> None:
    with pytest.raises(CommandError) as error:
        purge("--tag", "Blog Post")
    assert error.value.returncode == 2


@pytest.mark.django_db
@pytest.mark.parametrize("option", ["--url", "--prefix"])
@pytest.mark.parametrize("url", UNREADABLE_URLS)
def test_row_7_an_address_that_is_none_is_a_usage_error(option: str, url: str) -> None:
    with pytest.raises(CommandError, match="can't be read as a URL") as error:
        purge(option, url)
    assert error.value.returncode == 2
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_waiting_for_a_purge_that_is_confirmed_succeeds(settled_as: Any) -> None:
    settled_as("done")
    assert json.loads(purge("--tag", "blog.post", "--wait", "5", "--format", "json"))["status"] == "done"


@pytest.mark.django_db(transaction=True)
def test_waiting_for_a_purge_that_fails_exits_with_one(settled_as: Any) -> None:
    settled_as("dead")
    with pytest.raises(CommandError) as error:
        purge("--tag", "blog.post", "--wait", "5")
    assert error.value.returncode == 1


@pytest.mark.django_db
def test_not_finishing_in_time_exits_with_three_and_still_prints_the_document() -> None:
    output = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command("purge", "--tag", "blog.post", "--wait", "0.1", "--format", "json", stdout=output)
    assert error.value.returncode == 3
    assert json.loads(output.getvalue())["status"] == "pending"


@pytest.mark.django_db
def test_a_dry_run_shows_each_tier_node_and_stores_nothing() -> None:
    plan = json.loads(purge("--url", "/blog/", "--dry-run", "--format", "json"))
    assert plan["dry_run"] is True
    assert [tier["tier"] for tier in plan["tiers"]] == ["cache", "inner", "outer"]
    assert {tuple(tier) for tier in plan["tiers"]} == {tuple(get_type_hints(PlannedDocument))}
    assert set(plan) == {"dry_run", *get_type_hints(ForecastDocument)}
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_a_dry_run_names_only_the_chosen_tiers() -> None:
    plan = json.loads(purge("--url", f"{SITE}/blog/", "--tier", "outer", "--dry-run", "--format", "json"))
    assert [tier["tier"] for tier in plan["tiers"]] == ["outer"]


@pytest.mark.django_db
@pytest.mark.parametrize("style", ["table", "json"])
def test_no_output_holds_a_secret(style: str) -> None:
    assert SECRET not in purge("--url", "/blog/", "--dry-run", "--format", style)
    assert SECRET not in purge("--url", "/blog/", "--format", style)


@pytest.mark.parametrize(
    "arguments",
    [
        ("purge", "--tag", "Blog Post"),
        ("purge", "--url", "http://["),
        ("purge", "--wait", "soon"),
        ("purge", "--no-such-option"),
        ("purge", "--tag", "a", "--at", "2126-12-24T08:00"),
        ("purge",),
    ],
)
def test_the_process_exits_with_two_for_bad_usage(arguments: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "project.settings.test"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
