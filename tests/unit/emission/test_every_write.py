"""Whatever Django's ORM can do to a row is seen, or stands in the table of what isn't: every method, every kind."""

from __future__ import annotations

from dataclasses import replace

import django
import pytest
from django.core.exceptions import FieldDoesNotExist
from django.db import transaction
from pytest_django import Settings

from tests.unit.emission.promise.held import Seen, judged
from tests.unit.emission.promise.stages import KINDS, Kind, Stage
from tests.unit.emission.promise.table import DOCUMENT, REFUSED, UNSEEN, rendered
from tests.unit.emission.promise.ways import WAYS, Way, classified, offered, related_methods

pytestmark = [pytest.mark.django_db(databases=["default", "other"]), pytest.mark.databases]

#: Methods without an asynchronous form.
SYNCHRONOUS = ("save_base", "set_base", "raw")
CASES = [
    pytest.param(kind, way, is_async, id=f"{kind.name}-{way.name}-{'async' if is_async else 'sync'}")
    for kind in KINDS
    for way in WAYS
    for is_async in (False, True)
    if way.is_for(kind) and not (is_async and way.method in SYNCHRONOUS)
]


@pytest.fixture
def stage(kind: Kind, is_async: bool, settings: Settings) -> Stage:
    settings.INVALIDATION = {**settings.INVALIDATION, "DATABASES": ["default", "other"]}
    return replace(kind.prepare(), is_async=is_async)


@pytest.mark.parametrize(("kind", "way", "is_async"), CASES)
def test_every_changed_row_is_covered_or_named(kind: Kind, way: Way, stage: Stage) -> None:
    if way.method == "set_base" and not hasattr(stage.manager, "set_base"):
        pytest.skip("Django 6.1 has it")
    if any(case.holds(way.name, kind.name) and case.until > django.VERSION for case in REFUSED):
        with pytest.raises((ValueError, FieldDoesNotExist)), transaction.atomic():
            way.call(stage)
        return
    named = any(case.holds(way.name, kind.name) for case in UNSEEN)
    seen = judged(lambda: way.call(stage))
    assert seen is not Seen.WHOLE if named else seen is Seen.WHOLE, f"seen: {seen}"


def test_no_public_method_of_this_django_is_unknown() -> None:
    """One that is new: does it change rows? Then it needs a way in `promise.ways`, else a word in `READING`."""
    assert offered() | related_methods() <= classified()


def test_the_docs_hold_this_table() -> None:
    """`python -m tests.unit.emission.promise.table` writes it."""
    document = DOCUMENT.read_text()
    assert document == rendered(document)
