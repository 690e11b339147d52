"""`invalidation_status`, `invalidation_replay` and `invalidation_prune`."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from invalidation.management import coloured
from invalidation.models import Batch, Delivery, Event
from invalidation.status import documents
from tests.unit.operators.conftest import SECRET, MakeEvent


def run(*arguments: str) -> str:
    """What the command printed."""
    output = io.StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


@pytest.mark.parametrize(
    "states", [("claimed", "running", "pending"), ("done", "done", "purged"), ("dead", "dead", "purged", "rejected")]
)
def test_the_status_command_prints_the_document_of_the_function(event_with: MakeEvent, states: tuple[str, ...]) -> None:
    event = event_with(*states)
    assert json.loads(run("invalidation_status", str(event.uid), "--format", "json")) == documents.document(event)


def test_the_status_table_shows_each_delivery(event_with: MakeEvent) -> None:
    event = event_with("dead", "dead", "purged", "rejected")
    printed = run("invalidation_status", str(event.uid))
    for word in (str(event.uid), "blog.post:42", "purged", "rejected", "403 Secret required"):
        assert word in printed


def test_the_status_table_says_why_there_are_no_deliveries(event_with: MakeEvent, pending_event: Event) -> None:
    assert "No deliveries yet." in run("invalidation_status", str(pending_event.uid))
    assert "no tier is concerned" in run("invalidation_status", str(event_with("done", "done").uid))


def test_what_was_delivered_is_not_said_to_concern_no_tier(event_with: MakeEvent) -> None:
    assert "No deliveries" not in run("invalidation_status", str(event_with("done", "done", "purged").uid))


def test_the_id_is_accepted_as_lists_show_it(event_with: MakeEvent) -> None:
    event = event_with("done", "done", "purged")
    for shown in (str(event.uid)[:8], str(event.uid)[:13], event.uid.hex):
        assert str(event.uid) in run("invalidation_status", shown)


def test_an_id_that_several_begin_with_is_refused(event_with: MakeEvent) -> None:
    for last in ("1", "2"):
        event_with("done", "done", uid=f"12345678-0000-4000-8000-00000000000{last}")
    with pytest.raises(CommandError, match="Several events") as error:
        run("invalidation_status", "12345678")
    assert error.value.returncode == 2


def test_an_event_fits_eighty_columns(event_with: MakeEvent, monkeypatch: pytest.MonkeyPatch) -> None:
    event = event_with("dead", "dead", "purged", "dead", "rejected")
    monkeypatch.setattr(coloured, "PIPE_COLUMNS", 80)
    printed = run("invalidation_status", str(event.uid))
    assert max(map(len, printed.splitlines())) <= 80
    for words in ("inner 127.0.0.1:6081", "rejected", "tries", "removed"):
        assert any(words in line for line in printed.splitlines()), words


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ("dead", "1 dead letters (at most 0)"),
        ("dead=0,lag=30", "1 dead letters (at most 0)"),
        ("lag=30,dead=1", "the oldest unfinished work is"),
        ("backlog=0", "1 events wait (at most 0)"),
    ],
)
def test_a_monitor_is_told_by_the_exit_code(event_with: MakeEvent, limits: str, words: str) -> None:
    event_with("dead", "dead", "dead")
    event_with("claimed", "running", "failed")
    Batch.objects.filter(status="running").update(recorded_at=timezone.now() - timedelta(seconds=60))
    Event.objects.create(source="code")
    with pytest.raises(CommandError) as error:
        run("invalidation_status", "--fail-on", limits)
    assert error.value.returncode == 1
    assert words in str(error.value)


def test_a_monitor_is_content_below_its_limits(event_with: MakeEvent) -> None:
    event_with("dead", "dead", "dead")
    assert "inner" in run("invalidation_status", "--fail-on", "dead=1,lag=30,backlog=10,rules")


@pytest.mark.django_db
@pytest.mark.parametrize("limits", ["lag", "latency=3", "lag=soon", "dead=-1", "lag=٣", "lag=1.2.3"])
def test_a_limit_that_there_is_not_is_a_usage_error(limits: str) -> None:
    with pytest.raises(CommandError, match="no limit") as error:
        run("invalidation_status", "--fail-on", limits)
    assert error.value.returncode == 2


@pytest.mark.django_db
def test_one_event_has_no_limits(pending_event: Event) -> None:
    with pytest.raises(CommandError, match="without an id"):
        run("invalidation_status", str(pending_event.uid), "--fail-on", "dead")


@pytest.mark.django_db
def test_the_status_without_an_id_is_the_overview(pending_event: Event) -> None:
    printed = json.loads(run("invalidation_status", "--format", "json"))
    assert printed["backlog"]["editorial"] == 1
    assert printed.keys() == documents.overview().keys()
    assert "inner" in run("invalidation_status")
    assert SECRET not in run("invalidation_status")


@pytest.mark.django_db
@pytest.mark.parametrize("unknown", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_id_is_a_usage_error(unknown: str) -> None:
    with pytest.raises(CommandError) as error:
        run("invalidation_status", unknown)
    assert error.value.returncode == 2


def test_replay_gives_dead_letters_of_one_tier_another_life(event_with: MakeEvent) -> None:
    event_with("dead", "dead", "purged", "dead", "rejected")
    assert json.loads(run("invalidation_replay", "--tier", "inner", "--format", "json")) == {"replayed": 1}
    assert list(Delivery.objects.order_by("id").values_list("status", flat=True)) == ["purged", "pending", "rejected"]


def test_replay_of_all_leaves_living_deliveries_alone(event_with: MakeEvent) -> None:
    event_with("dead", "dead", "purged", "dead", "rejected")
    assert "2 dead letters" in run("invalidation_replay", "--all")
    assert list(Delivery.objects.order_by("id").values_list("status", flat=True)) == ["purged", "pending", "pending"]


def test_replay_of_named_deliveries(event_with: MakeEvent) -> None:
    event_with("dead", "dead", "dead", "rejected")
    first, second = Delivery.objects.order_by("id")
    assert "1 dead letter replayed" in run("invalidation_replay", "--delivery", str(second.pk))
    first.refresh_from_db()
    assert first.status == "dead"


@pytest.mark.django_db
@pytest.mark.parametrize("arguments", [(), ("--tier", "nowhere"), ("--delivery", "x")])
def test_replay_of_nothing_in_particular_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run("invalidation_replay", *arguments)


def test_prune_forgets_only_finished_history_beyond_the_age(event_with: MakeEvent) -> None:
    old = timezone.now() - timedelta(days=40)
    event_with("done", "done", "purged", created_at=old, completed_at=old)
    Batch.objects.update(created_at=old, completed_at=old)
    Delivery.objects.update(created_at=old, completed_at=old)
    recent = event_with("done", "done", "purged")
    pending = Event.objects.create(source="code", created_at=old)
    deleted = json.loads(run("invalidation_prune", "--older-than", "30", "--format", "json"))
    assert deleted["events"] == 1
    assert set(Event.objects.values_list("pk", flat=True)) == {recent.pk, pending.pk}


@pytest.mark.django_db
@pytest.mark.parametrize("days", ["-1", "nan"])
def test_prune_refuses_a_senseless_age(days: str) -> None:
    with pytest.raises(CommandError):
        run("invalidation_prune", "--older-than", days)
