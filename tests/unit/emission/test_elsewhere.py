"""Relations, deletions and bulk writes in another database than the default, and where reads go to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import models
from pytest_django import Settings

from invalidation.targets.values import Targets
from tests.fixtures.library.kinds import Child, Group, Joint, Left, Member, Owned, Owner, Parent, Right
from tests.unit.emission.conftest import Outbox, said
from tests.unit.emission.databases import meeting

pytestmark = [pytest.mark.django_db(transaction=True, databases=["default", "other"]), pytest.mark.databases]

BOTH = {"/member/m/", "/group/g/"}


@pytest.fixture(autouse=True)
def _default_stays_silent(outbox: Outbox, other_outbox: Outbox) -> Any:
    yield
    assert outbox.events == []


@pytest.fixture
def member(other_outbox: Outbox) -> Member:
    """Of a group, in the other database; its key is not the group's."""
    member, group = Member(pk=7, slug="m"), Group(pk=8, slug="g")
    for row in (member, group):
        row.save(using="other")
    member.groups.add(group)
    assert other_outbox.urls == BOTH
    other_outbox.forget()
    return member


@pytest.mark.parametrize(
    "write",
    [
        lambda member: member.groups.clear(),
        lambda member: member.groups.remove(member.groups.get()),
        lambda member: member.delete(),
        lambda member: Group.objects.using("other").get().delete(),
        lambda member: Member.objects.using("other").all().delete(),
    ],
    ids=["clear", "remove", "one end", "other end", "rows"],
)
def test_what_is_joined_is_found_there(member: Member, other_outbox: Outbox, write: Callable[[Member], Any]) -> None:
    write(member)
    assert other_outbox.urls == BOTH


def test_explicit_join_rows_that_go_in_a_cascade_name_both_ends_there(other_outbox: Outbox) -> None:
    left, right = Left(pk=7, slug="l"), Right(pk=8, slug="r")
    for row in (left, right):
        row.save(using="other")
    Joint(left=left, right=right).save(using="other")
    other_outbox.forget()
    left.delete()
    assert other_outbox.urls == {"/left/l/", "/right/r/"}


def named(old: Any, new: Any) -> Targets:
    return Targets.of(tags=[f"from.{old.note if old else 'none'}.to.{new.note if new else 'none'}"])


def test_a_parents_bulk_writes_find_its_children_there(other_outbox: Outbox) -> None:
    Child(pk=7, slug="c", note="a").save(using="other")
    other_outbox.forget()
    with said(Child, changed=lambda self, old, new: named(old, new)):
        Parent.objects.using("other").update(note="b")
        assert "/child/c/" in other_outbox.urls
        assert "from.a.to.b" in other_outbox.tags
        other_outbox.forget()
        Parent.objects.using("other").bulk_create(
            [Parent(pk=7, slug="c", note="d")], update_fields=["note"], **meeting("slug")
        )
        assert "/child/c/" in other_outbox.urls
        assert "from.b.to.d" in other_outbox.tags


class Replica:
    """Reads go to the default database, writes to the other one."""

    def db_for_read(self, model: type[models.Model], **_: Any) -> str:
        return "default"

    def db_for_write(self, model: type[models.Model], **_: Any) -> str:
        return "other"


def one_event(outbox: Outbox, statements: int = 1) -> set[str]:
    """Addresses in the event of each statement."""
    assert len(outbox.events) == statements
    urls = outbox.urls
    outbox.forget()
    return urls


def test_bulk_writes_go_where_a_router_has_writes_go(settings: Settings, other_outbox: Outbox) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.Replica"]
    first, second = Owner.objects.bulk_create([Owner(pk=7, slug="a"), Owner(pk=9, slug="x")])
    Owned.objects.bulk_create([Owned(pk=8, slug="o", owner=first)])
    assert one_event(other_outbox, 2) == {"/owner/a/", "/owner/x/", "/owned/o/"}
    Owner.objects.filter(slug="a").update(slug="b")
    assert one_event(other_outbox) == {"/owner/a/", "/owner/b/"}
    first.slug, second.slug = "c", "y"
    Owner.objects.bulk_update([first, second], ["slug"], batch_size=1)
    assert one_event(other_outbox) == {"/owner/b/", "/owner/c/", "/owner/x/", "/owner/y/"}
    Owner.objects.all().delete()
    assert one_event(other_outbox) == {"/owner/c/", "/owner/y/", "/owned/o/"}
