"""`manage.py why` is right in every situation: each is staged on real servers, and the reason is the right one."""

from __future__ import annotations

import pytest

from invalidation.status.why.codes import Code
from tests.integration.freshness.why.situations import absent, held, old, unasked, unstored
from tests.integration.freshness.why.stage import SITUATIONS, Situation, Stage

pytestmark = pytest.mark.django_db

MODULES = (absent, held, old, unasked, unstored)


@pytest.mark.parametrize("case", SITUATIONS, ids=[case.name for case in SITUATIONS])
def test_why_says(case: Situation, stage: Stage) -> None:
    case.play(stage)
    exit_code, [document] = stage.explained()
    copies = [copy for copy in document["copies"] if case.at in (copy["tier"], copy["variant"], "")]
    copy = copies[-1]
    assert (copy["code"], copy["reason"]) == (case.code, copy["reason"])
    assert [words for words in case.words if words not in copy["reason"]] == [], copy["reason"]
    assert case.remedy in copy["remedy"], copy["remedy"]
    assert case.remark in " ".join(document["remarks"]), document["remarks"]
    assert case.named_by in ((document["last_purge"] or {}).get("named_by") or "")
    assert copy["stale"] == case.code.startswith("old")
    assert exit_code == any(one["stale"] for one in document["copies"])


def test_fifty_situations_are_staged_and_every_reason_among_them() -> None:
    assert len({case.name for case in SITUATIONS}) == len(SITUATIONS) >= 50
    assert set(Code) - {case.code for case in SITUATIONS} == set()
