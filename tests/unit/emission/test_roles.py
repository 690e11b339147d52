"""Rules for an explicit join model stand beside what its rows mean for their ends: both are purged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import invalidation
from invalidation.emission import registry, relations
from invalidation.targets.values import Targets
from tests.fixtures.library.kinds import Joint, Left, Right
from tests.unit.emission.conftest import Outbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]

ENDS = {"/left/l/", "/right/r/"}


class RoleRules(invalidation.Rules):
    """What somebody says of the join row itself."""

    ignore = ["note"]

    def urls(self, instance: Joint) -> list[str]:
        return ["/roles/"]


@pytest.fixture
def ends(outbox: Outbox) -> Iterator[tuple[Left, Right]]:
    invalidation.register(Joint, rules=RoleRules)
    found = Left.objects.create(slug="l"), Right.objects.create(slug="r")
    outbox.forget()
    yield found
    registry.unregister(Joint)


def test_a_saved_role_is_its_own_pages_and_those_of_its_ends(outbox: Outbox, ends: tuple[Left, Right]) -> None:
    Joint.objects.create(left=ends[0], right=ends[1])
    assert outbox.urls == ENDS | {"/roles/"}
    assert len(outbox.events) == 1


def test_a_role_written_by_a_related_manager_is_told_twice_and_announced_once(
    outbox: Outbox, ends: tuple[Left, Right]
) -> None:
    """Its row is one event, the relation another, of one transaction: the drain purges what both name once."""
    ends[0].rights.add(ends[1])
    assert outbox.urls == ENDS | {"/roles/"}
    assert len(outbox.announcements) == 1


def test_a_column_that_the_role_ignores_is_ignored_at_its_ends(outbox: Outbox, ends: tuple[Left, Right]) -> None:
    role = Joint.objects.create(left=ends[0], right=ends[1])
    outbox.forget()
    role.note = "changed"
    role.save()
    assert outbox.events == []


def test_a_role_that_goes_with_an_end_names_the_other(outbox: Outbox, ends: tuple[Left, Right]) -> None:
    Joint.objects.create(left=ends[0], right=ends[1])
    outbox.forget()
    ends[0].delete()
    assert outbox.urls == ENDS | {"/roles/"}


def test_a_role_and_a_relation_out_of_a_fixture_name_both_ends_by_their_tags(outbox: Outbox) -> None:
    left, right = Left.objects.create(slug="l"), Right.objects.create(slug="r")
    (one,) = [rules for rules in registry.rules_for(Joint) if isinstance(rules, relations.ThroughRules)]
    tags = {"library.left", f"library.left:{left.pk}", "library.right", f"library.right:{right.pk}"}
    assert one.default_targets(Joint(left=left, right=right)) == Targets.of(tags=tags)
    assert one.default_targets(Joint(left=left)).tags == {"library.left", f"library.left:{left.pk}"}
    outbox.forget()
    for action in ("pre_add", "post_add"):
        named: dict[str, Any] = {
            "action": action,
            "model": Right,
            "pk_set": {right.pk},
            "reverse": False,
            "using": "default",
        }
        relations.on_relation_changed(Joint, left, raw=True, **named)
    assert outbox.targets == Targets.of(tags=tags)
