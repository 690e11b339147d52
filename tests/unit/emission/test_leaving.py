"""What stands at the other end of a many-to-many is stale when an end is deleted, for a bounded number of queries."""

from __future__ import annotations

import pytest
from django.contrib.admin.utils import NestedObjects
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.fixtures.library.kinds import Group, Left, Member, Right
from tests.unit.emission.conftest import Outbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]


@pytest.fixture
def groups(outbox: Outbox) -> list[Group]:
    groups = Group.objects.bulk_create([Group(slug=f"g{number}") for number in range(20)])
    for number in range(10):
        Member.objects.create(slug=f"m{number}").groups.set(groups)
    outbox.forget()
    return groups


def test_a_deleted_statement_of_rows_names_all_the_far_ends_in_a_few_queries(
    outbox: Outbox, groups: list[Group]
) -> None:
    with CaptureQueriesContext(connection) as queries:
        Member.objects.all().delete()
    assert {f"/group/{group.slug}/" for group in groups} <= outbox.urls
    assert len(outbox.events) == 1
    assert len([query for query in queries if "library_group" in query["sql"] and "SELECT" in query["sql"]]) == 1


def test_the_far_end_of_an_explicit_join_is_named_with_its_address(outbox: Outbox) -> None:
    left, right = Left.objects.create(slug="l"), Right.objects.create(slug="r")
    left.rights.add(right)
    outbox.forget()
    left.delete()
    assert outbox.urls == {"/left/l/", "/right/r/"}


def test_looking_what_a_deletion_would_take_along_is_silent(outbox: Outbox, groups: list[Group]) -> None:
    member = Member.objects.get(slug="m0")
    NestedObjects(using="default", origin=[member]).collect([member])
    assert outbox.events == []
