"""The list of signals is complete, and holds none that is gone."""

from __future__ import annotations

import re

from django.dispatch import Signal

from invalidation import signals
from tests.adoption.documentation.commands import ROOT

ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)


def test_every_signal_is_listed_and_no_other() -> None:
    listed = ROW.findall((ROOT / "docs/reference/signals.md").read_text())
    sent = [name for name, value in vars(signals).items() if isinstance(value, Signal)]
    assert sorted(listed) == sorted(sent)
