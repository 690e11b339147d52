"""The list of log events is complete, and holds none that is gone."""

from __future__ import annotations

import re

from tests.adoption.documentation.commands import ROOT
from tests.adoption.documentation.log_events import logged

ROW = re.compile(r"^\| `(\w+)` \| ([a-z, ]+) \| .+ \|$", re.MULTILINE)


def documented() -> dict[str, set[str]]:
    return {event: set(levels.split(", ")) for event, levels in ROW.findall(page())}


def page() -> str:
    return (ROOT / "docs/reference/log-events.md").read_text()


def test_every_event_that_is_logged_is_listed_and_no_other() -> None:
    assert sorted(event for event, _ in ROW.findall(page())) == sorted(logged())


def test_every_event_is_listed_with_its_levels() -> None:
    computed = {event for event, levels in logged().items() if "" in levels}
    assert computed == {"delivery_settled"}
    wrong = {event: levels for event, levels in logged().items() if documented().get(event) != levels}
    assert set(wrong) == computed
