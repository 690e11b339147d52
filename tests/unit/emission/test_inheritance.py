"""Parents and children of multi-table inheritance are one row, whichever of them was written and however."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import call_command

from invalidation.admin.mixin import targets_of
from tests.fixtures.library.models import Document, Memoir, Report
from tests.unit.emission.conftest import Outbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]


@pytest.fixture
def memoir(outbox: Outbox) -> Memoir:
    """Its own key is another than its document's, and another document's."""
    other = Report.objects.create(slug="first", year=1928)
    memoir: Memoir = Memoir.objects.create(slug="moments", number=other.pk)
    outbox.forget()
    return memoir


def test_a_saved_parent_of_a_child_with_its_own_key_is_that_child(memoir: Memoir, outbox: Outbox) -> None:
    parent = Document.objects.get(pk=memoir.document_id)
    parent.slug = "being"
    parent.save()
    assert outbox.urls == {
        "/documents/moments/",
        "/documents/being/",
        f"/memoirs/{memoir.number}/moments/",
        f"/memoirs/{memoir.number}/being/",
    }
    assert f"library.memoir:{memoir.number}" in outbox.tags


def test_a_saved_parent_is_no_child_whose_own_key_is_the_same_number(memoir: Memoir, outbox: Outbox) -> None:
    Document.objects.get(pk=memoir.number).save()
    assert not any(url.startswith("/memoirs/") for url in outbox.urls)


def test_updated_parents_are_their_children(memoir: Memoir, outbox: Outbox) -> None:
    Document.objects.filter(pk=memoir.document_id).update(slug="being")
    assert {f"/memoirs/{memoir.number}/{slug}/" for slug in ("moments", "being")} <= outbox.urls


def test_a_fixture_of_a_parent_beside_registered_children_is_loaded(outbox: Outbox, tmp_path: Path) -> None:
    fixture = tmp_path / "documents.json"
    fixture.write_text(json.dumps([{"model": "library.document", "pk": 7, "fields": {"slug": "waves"}}]))
    call_command("loaddata", str(fixture), verbosity=0)
    assert outbox.tags == {"library.document", "library.document:7"}


def test_a_fixture_of_a_parent_names_the_child_that_it_is(memoir: Memoir, outbox: Outbox, tmp_path: Path) -> None:
    row = {"model": "library.document", "pk": memoir.document_id, "fields": {"slug": "being"}}
    fixture = tmp_path / "documents.json"
    fixture.write_text(json.dumps([row]))
    call_command("loaddata", str(fixture), verbosity=0)
    assert f"library.memoir:{memoir.number}" in outbox.tags


def test_the_admin_action_on_a_parent_names_the_child_that_it_is(memoir: Memoir) -> None:
    parent = Document.objects.get(pk=memoir.document_id)
    assert {"/documents/moments/", f"/memoirs/{memoir.number}/moments/"} == targets_of(parent).urls
