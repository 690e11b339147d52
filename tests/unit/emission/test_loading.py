"""What is remembered of a row that is loaded, and which of its columns may change in place."""

from __future__ import annotations

from functools import wraps
from typing import Any

import pytest
from django.db import models
from django.db.models import F, Model
from django.test.utils import isolate_apps

from invalidation.emission.rows import columns, loading
from tests.fixtures.library.models import Author, Book, Genre


@pytest.mark.parametrize("value", [{"a": [1]}, [1], {1}, bytearray(b"a"), {}, [], set(), bytearray()])
def test_what_may_change_in_place_is_copied_deeply(value: Any) -> None:
    copied = columns.detached(value)
    assert (copied, type(copied)) == (value, type(value))
    assert copied is not value
    assert not isinstance(value, dict) or not value or copied["a"] is not value["a"]


def test_what_can_not_change_in_place_is_kept_as_it_is() -> None:
    text = str(b"ab", "ascii")
    assert columns.detached(text) is text
    assert columns.is_expression(F("views") + 1)
    assert not columns.is_expression(1)


def test_columns_go_by_either_of_their_names() -> None:
    assert columns.attribute_names(Book, ["author", "slug", "nothing"]) == {"author_id", "slug"}
    assert columns.attribute_names(Book, ["author_id"]) == {"author_id"}
    assert columns.ordered_columns(Genre) == ("id", "slug")
    assert columns.columns(Genre) == {"id", "slug"}
    assert columns.files(Book) == {"scan"}
    assert columns.changeable(Book) == {"notes"}


def test_columns_of_other_kinds_are_taken_for_changeable() -> None:
    with isolate_apps("tests.fixtures.library"):

        class Odd(models.Model):
            name = models.CharField(max_length=9)
            author = models.ForeignKey(Author, on_delete=models.CASCADE)
            scan = models.FileField()
            notes = models.JSONField()
            raw = models.BinaryField()
            other = type("Other", (models.CharField,), {})(max_length=9)

            class Meta:
                app_label = "library"

    assert columns.changeable(Odd) == {"notes", "raw", "other"}


def watched(told: list[Any]) -> tuple[type[Model], type[Model]]:
    """A parent and its child that no migration knows, each watched twice."""
    with isolate_apps("tests.fixtures.library"):

        class Watched(models.Model):
            name = models.CharField(max_length=9)
            notes = models.JSONField(default=dict)

            class Meta:
                app_label = "library"

            def refresh_from_db(  # type: ignore[override]  # as whatever Django's version hands on
                self, using: Any = None, fields: Any = None, **how: Any
            ) -> None:
                told.append(("read", using, fields, how))

        class Plain(models.Model):
            name = models.CharField(max_length=9)

            class Meta:
                app_label = "library"

    for model in (Watched, Plain, Watched):
        loading.watch(model, lambda row, names: told.append((row, names)))
    return Watched, Plain


def test_a_loaded_row_is_kept_as_it_was_read() -> None:
    model, plain = watched([])
    notes = {"a": [1]}
    row: Any = model.from_db("default", ["id", "name", "notes"], [7, "n", notes])
    assert (row.pk, row.name, row._state.db, row._state.adding) == (7, "n", "default", False)
    row.notes["a"].append(2)
    assert row.__dict__[loading.STATES]["name"] == "n"
    assert set(row.__dict__[loading.STATES]) == {"id", "name", "notes"}
    partly: Any = model.from_db("default", ["id", "name"], [7, "n"])
    assert partly.__dict__[loading.STATES] == {"id": 7, "name": "n"}
    whole: Any = plain.from_db("default", ["id", "name"], [7, "n"])
    assert whole.__dict__[loading.STATES] == (7, "n")
    assert loading.row_of(plain, (7, "n")) == {"id": 7, "name": "n"}
    assert loading.row_of(plain, {"name": "n"}) == {"name": "n"}
    with pytest.raises(ValueError, match="shorter"):
        loading.row_of(plain, (7,))
    some: Any = plain.from_db("default", ["id"], [7])
    assert some.__dict__[loading.STATES] == {"id": 7}


def test_who_watches_is_told_once_after_a_row_was_read_again() -> None:
    told: list[Any] = []
    model, _ = watched(told)
    row = model(pk=7)
    row.refresh_from_db("other", iter(["name"]), from_queryset=None)
    row.refresh_from_db()
    assert told == [
        ("read", "other", ["name"], {"from_queryset": None}), (row, ["name"]), ("read", None, None, {}), (row, None),
    ]  # fmt: skip


def test_a_child_remembers_for_itself_what_its_parent_remembers() -> None:
    told: list[Any] = []
    model, _ = watched(told)
    with isolate_apps("tests.fixtures.library"):
        child: Any = type("Kid", (model,), {"__module__": __name__, "Meta": type("Meta", (), {"app_label": "library"})})
    loading.watch(child, lambda row, names: told.append(("child", names)))
    names = [field.attname for field in child._meta.concrete_fields]
    row: Any = child.from_db("default", names, [7, "n", {}, 7])
    assert set(row.__dict__[loading.STATES]) == set(names)
    row.refresh_from_db()
    assert told == [("read", None, None, {}), ("child", None)]
    assert loading.STATES not in row.__getstate__()


def test_a_model_is_watched_by_the_first_and_what_others_have_wrapped_stays_so() -> None:
    told: list[Any] = []
    model, _ = watched(told)
    loading.watch(model, lambda row, names: told.append("second"))
    row = model(pk=7)
    row.refresh_from_db()
    assert told == [("read", None, None, {}), (row, None)]

    def read(self: Model, *_: Any, **how: Any) -> None:
        told.append("never")

    @wraps(read)
    def around(self: Model, *_: Any, **how: Any) -> None:
        told.append("around")

    with isolate_apps("tests.fixtures.library"):
        named = {"__module__": __name__, "Meta": type("Meta", (), {"app_label": "library"}), "refresh_from_db": around}
        wrapped = type("Wrapped", (models.Model,), named)
    loading.watch(wrapped, lambda row, names: told.append(names))
    told.clear()
    wrapped(pk=7).refresh_from_db(fields=["id"])
    assert told == ["around", ["id"]]
