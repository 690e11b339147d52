"""What is wrapped of a model whose rules ask before a write, or name methods that move a row unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import models
from django.test.utils import isolate_apps
from django.utils import timezone
from pytest_django import Settings

import invalidation
from invalidation.emission import before, registry
from invalidation.emission.evaluation import FORETOLD
from invalidation.models import ScheduledEvent
from invalidation.targets.values import Targets
from tests.unit.emission.conftest import Outbox

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other"])

DUE_AT = timezone.now() + timedelta(hours=1)
with isolate_apps("tests.fixtures.library"):  # another model over a table that is there; no signal is connected to it

    class Shadow(models.Model):
        """Tells what its writes were told, and has a method that writes without a signal."""

        slug = models.SlugField(unique=True)
        note = models.CharField(max_length=80, blank=True)
        objects: models.Manager[Shadow] = models.Manager()

        class Meta:
            app_label = "library"
            managed = False
            db_table = "library_plain"

        def save(self, *args: Any, **kwargs: Any) -> None:
            self.told = self.__dict__.get(FORETOLD)
            super().save(*args, **kwargs)

        def get_absolute_url(self) -> str:
            return f"/shadow/{self.slug}/"

        def delete(self, *args: Any, **kwargs: Any) -> Any:
            self.told = self.__dict__.get(FORETOLD)
            return super().delete(*args, **kwargs)

        def move(self, slug: str) -> str:
            Shadow.objects.using(self._state.db).filter(pk=self.pk).update(slug=slug)
            return "moved"


class ShadowRules(invalidation.Rules):
    """Asks for the address before a write, compares, and names an instant."""

    lane = "bulk"
    before = ["get_absolute_url"]
    moves = ["move"]

    def changed(self, old: Shadow | None, new: Shadow | None) -> Targets:
        return Targets.of(tags=[f"was.{old.slug if old else 'nothing'}", f"is.{new.slug if new else 'nothing'}"])

    def changes_at(self, shadow: Shadow) -> list[datetime]:
        return [DUE_AT] if shadow.slug == "b" else []


@pytest.fixture(autouse=True)
def _watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("save", "delete", "move"):
        monkeypatch.setattr(Shadow, name, Shadow.__dict__[name])  # to be taken back
    invalidation.register(Shadow, rules=ShadowRules)
    before.watch(Shadow)
    yield
    registry.unregister(Shadow)


def address(shadow: Shadow) -> set[str]:
    """What the rules gave before the last write."""
    assert shadow.told is not None
    return {url for targets in shadow.told.values() for url in targets.urls}


def stored(using: str) -> Shadow:
    Shadow.objects.using(using).bulk_create([Shadow(pk=7, slug="a")])
    return Shadow.objects.using(using).get()


def test_a_write_knows_what_its_row_was_and_only_as_long_as_it_lasts(outbox: Outbox) -> None:
    shadow = stored("default")
    shadow.slug = "b"
    shadow.save()
    assert address(shadow) == {"/shadow/a/"}
    assert FORETOLD not in shadow.__dict__
    shadow = Shadow.objects.get()
    shadow.delete()
    assert address(shadow) == {"/shadow/b/"}


def test_what_is_watched_twice_is_wrapped_once() -> None:
    wrapped = {name: Shadow.__dict__[name] for name in ("save", "delete", "move")}
    before.watch(Shadow)
    assert {name: Shadow.__dict__[name] for name in wrapped} == wrapped


def test_once_no_rule_asks_any_more_a_write_that_is_wrapped_looks_nothing_up(
    outbox: Outbox, django_assert_num_queries: Any
) -> None:
    stored("default")
    shadow = Shadow.objects.only("note").get()
    invalidation.register(Shadow)
    with django_assert_num_queries(1):
        shadow.save(update_fields=["note"])
    assert shadow.told is None


def test_rules_that_ask_for_nothing_before_a_write_wrap_nothing() -> None:
    with isolate_apps("tests.fixtures.library"):
        meta = type("Meta", (), {"app_label": "library"})
        plain: Any = type("Unwrapped", (models.Model,), {"__module__": __name__, "Meta": meta})
    invalidation.register(plain)
    before.watch(plain)
    registry.unregister(plain)
    assert plain.save is models.Model.save
    assert plain.delete is models.Model.delete


@pytest.mark.parametrize(
    "write",
    [
        lambda shadow: shadow.save(using="other"),
        lambda shadow: shadow.delete("other"),
        lambda shadow: shadow.delete(using="other"),
    ],
    ids=["save", "delete", "delete by name"],
)
def test_what_a_row_was_is_looked_up_in_the_database_that_the_write_names(
    other_outbox: Outbox, write: Callable[[Shadow], Any]
) -> None:
    stored("other")
    shadow = Shadow(pk=7, slug="b")
    write(shadow)
    assert address(shadow) == {"/shadow/a/"}


def test_what_a_row_was_is_looked_up_where_it_came_from(other_outbox: Outbox) -> None:
    stored("other")
    shadow = Shadow.objects.using("other").only("note").get()
    shadow.save(update_fields=["note"])
    assert address(shadow) == {"/shadow/a/"}


class ByModel:
    """A router that has one model's rows in the other database."""

    def db_for_write(self, model: type[models.Model], **_: Any) -> str | None:
        return "other" if model is Shadow else None


def test_what_a_row_was_is_looked_up_where_a_router_has_its_model(settings: Settings, other_outbox: Outbox) -> None:
    stored("other")
    settings.DATABASE_ROUTERS = [f"{__name__}.ByModel"]
    shadow = Shadow(pk=7, slug="b")
    shadow.save()
    assert address(shadow) == {"/shadow/a/"}


@pytest.mark.parametrize("using", ["default", "other"])
def test_a_move_is_one_event_of_the_row_as_it_was_and_as_it_is(
    outbox: Outbox, other_outbox: Outbox, using: str
) -> None:
    shadow = stored(using)
    assert shadow.move("b") == "moved"
    box, silent = (outbox, other_outbox) if using == "default" else (other_outbox, outbox)
    [event] = box.events
    assert box.urls == {"/shadow/a/", "/shadow/b/"}
    assert box.tags == {"library.shadow", "library.shadow:7", "was.a", "is.b"}
    assert event.lane == "bulk"
    assert [row.due_at for row in ScheduledEvent.objects.using(using)] == [DUE_AT]
    assert silent.events == []
