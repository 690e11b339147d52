"""Models that are defined after the app was ready, in an `admin.py` or a module that a view imports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models

from tests.fixtures.library.models import Genre
from tests.unit.emission.conftest import Outbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """What a test defines is known to nobody afterwards."""
    known = dict(apps.all_models["library"])
    yield
    apps.all_models["library"].clear()
    apps.all_models["library"].update(known)
    apps.clear_cache()


def defined(name: str, *bases: type[models.Model], proxy: bool = False, **fields: Any) -> Any:
    meta = type("Meta", (), {"app_label": "library", "proxy": proxy})
    return type(name, bases or (models.Model,), {"__module__": __name__, "Meta": meta, **fields})


@pytest.mark.parametrize("ready", [True, False], ids=["later", "while other apps get ready"])
def test_what_a_late_proxy_writes_is_seen(outbox: Outbox, monkeypatch: pytest.MonkeyPatch, ready: bool) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(apps, "ready", ready)
        late = defined("LateGenre", Genre, proxy=True)
    row = late.objects.create(slug="prose")
    assert "/genres/prose/" in outbox.urls
    outbox.forget()
    row.slug = "verse"
    row.save()
    assert outbox.urls == {"/genres/prose/", "/genres/verse/"}
    outbox.forget()
    row.delete()
    assert "/genres/verse/" in outbox.urls


def test_what_a_late_child_writes_is_seen(outbox: Outbox) -> None:
    late = defined("LateChild", Genre)
    with connection.schema_editor() as editor:
        editor.create_model(late)
    try:
        row = late.objects.create(slug="prose")
        assert "/genres/prose/" in outbox.urls
        outbox.forget()
        row.delete()
        assert "/genres/prose/" in outbox.urls
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(late)


def test_what_a_late_join_table_joins_is_seen(outbox: Outbox) -> None:
    late = defined("LateShelf", genres=models.ManyToManyField(Genre))
    with connection.schema_editor() as editor:
        editor.create_model(late)
    try:
        genre, shelf = Genre.objects.create(slug="prose"), late.objects.create()
        outbox.forget()
        shelf.genres.add(genre)
        assert "/genres/prose/" in outbox.urls
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(late)
