"""The list of reasons is complete, and holds none that is gone."""

from __future__ import annotations

import re

from invalidation.freshness import degraded
from invalidation.status.why.codes import Code
from invalidation.status.why.limits import LIMITS
from tests.adoption.documentation.commands import ROOT

ROW = re.compile(r"^\| `([a-z-]+)` \|", re.MULTILINE)


def test_every_reason_and_every_limit_is_listed_in_order_and_no_other() -> None:
    reasons, limits = (ROOT / "docs/reference/why.md").read_text().split("## X-Cache-Reason")
    assert ROW.findall(reasons) == list(Code)
    assert ROW.findall(limits) == [*LIMITS, degraded.REFUSED, degraded.CROWDED]
