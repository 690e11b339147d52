"""Trees by django-treebeard and django-mptt themselves: whatever moves, all below it is stale where it was and is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction

from tests.unit.emission.conftest import Outbox
from tests.unit.trees.models import Adjacent, Branch, Nested, Path

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]

KINDS: list[Any] = [Path, Nested, Adjacent, Branch]


@dataclass
class Tree:
    """`a/`, `a/leaf/`, `a/leaf/twig/` and `b/`."""

    kind: Any
    outbox: Outbox

    def grow(self) -> None:
        a, _ = self.add(None, "a"), self.add(None, "b")
        leaf = self.add(a, "leaf")
        self.add(leaf, "twig")
        self.outbox.forget()

    def add(self, parent: Any, slug: str) -> Any:
        """A node below another as it is stored by now; treebeard's way, or mptt's."""
        if self.kind is Branch:
            return Branch.objects.create(slug=slug, parent=parent and self[parent.slug])
        return self[parent.slug].add_child(slug=slug) if parent else self.kind.add_root(slug=slug)

    def __getitem__(self, slug: str) -> Any:
        return self.kind.objects.get(slug=slug)

    def address(self, path: str) -> str:
        return f"/{self.kind._meta.model_name}/{path}/"


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def tree(request: pytest.FixtureRequest, outbox: Outbox) -> Tree:
    made = Tree(request.param, outbox)
    made.grow()
    return made


@pytest.fixture
def branches(outbox: Outbox) -> Tree:
    made = Tree(Branch, outbox)
    made.grow()
    return made


def _by_parent(leaf: Any, b: Any) -> None:
    leaf.parent = b
    leaf.save()


def _by_key(leaf: Any, b: Any) -> None:
    leaf.parent_id = b.pk
    leaf.save(update_fields=["parent"])


#: Everything by which mptt moves a node; its admin, where nodes are dragged, asks the manager of that name.
MPTT: dict[str, Callable[[Any, Any], object]] = {
    "parent": _by_parent,
    "key": _by_key,
    "move_to": lambda leaf, b: leaf.move_to(b, "last-child"),
    "objects": lambda leaf, b: Branch.objects.move_node(leaf, b, "last-child"),
    "_tree_manager": lambda leaf, b: Branch._tree_manager.move_node(leaf, b, "first-child"),
    "by name": lambda leaf, b: Branch.objects.move_node(node=leaf, target=b),
    "by name, target first": lambda leaf, b: Branch.objects.move_node(target=b, node=leaf),
}


def assert_moved(tree: Tree) -> None:
    both = {tree.address("a/leaf"), tree.address("b/leaf")}
    assert tree.outbox.targets.prefixes == both
    assert tree.outbox.urls >= both
    node = tree["leaf"]
    assert {node._meta.label_lower, f"{node._meta.label_lower}:{node.pk}"} <= tree.outbox.tags


def test_a_moved_subtree_is_stale_where_it_was_and_where_it_is(tree: Tree) -> None:
    move = MPTT["move_to"] if tree.kind is Branch else lambda leaf, b: leaf.move(b, "last-child")
    move(tree["leaf"], tree["b"])
    assert tree["twig"].get_absolute_url() == tree.address("b/leaf/twig")
    assert_moved(tree)


@pytest.mark.parametrize("way", MPTT)
def test_mptt_moves_by_many_ways(branches: Tree, way: str) -> None:
    MPTT[way](branches["leaf"], branches["b"])
    assert branches["leaf"].get_absolute_url() == branches.address("b/leaf")
    assert_moved(branches)


def test_a_move_that_is_rolled_back_leaves_nothing(tree: Tree) -> None:
    with transaction.atomic():
        leaf, b = tree["leaf"], tree["b"]
        leaf.move_to(b) if tree.kind is Branch else leaf.move(b, "last-child")
        transaction.set_rollback(True)
    assert tree.outbox.events == []


def test_an_added_node_is_stale_in_its_place_and_silent_elsewhere(tree: Tree) -> None:
    tree.add(tree["a"], "new")
    assert tree.outbox.targets.prefixes == {tree.address("a/new")}
    assert tree.outbox.urls == {tree.address("a/new")}


def test_a_renamed_node_takes_all_below_it_along(tree: Tree) -> None:
    leaf = tree["leaf"]
    leaf.slug = "blade"
    leaf.save()
    assert tree.outbox.targets.prefixes == {tree.address("a/leaf"), tree.address("a/blade")}


@pytest.mark.parametrize("by", ["node", "rows"])
def test_a_deleted_node_takes_all_below_it_along(tree: Tree, by: str) -> None:
    tree["leaf"].delete() if by == "node" else tree.kind.objects.filter(slug="leaf").delete()
    assert not tree.kind.objects.filter(slug="twig").exists()
    assert tree.address("a/leaf") in tree.outbox.targets.prefixes
    assert tree.outbox.urls >= {tree.address("a/leaf")}


def test_a_node_that_only_changes_its_place_among_siblings_is_told_alone(tree: Tree) -> None:
    """The others have new numbers, and the addresses that they had."""
    a, b = tree["a"], tree["b"]
    b.move_to(a, "left") if tree.kind is Branch else b.move(a, "left")
    assert tree.outbox.targets.prefixes <= {tree.address("b")}


def test_a_bulk_write_is_seen_after_a_model_was_defined_late(tree: Tree) -> None:
    apps.clear_cache()  # as Django does whenever a class of a model is made
    tree.kind.objects.filter(slug="leaf").update(slug="bud")
    assert tree.outbox.events


def test_a_move_by_the_manager_is_seen_after_a_model_was_defined_late(branches: Tree) -> None:
    apps.clear_cache()
    Branch.objects.move_node(branches["leaf"], branches["b"], "last-child")
    assert branches.outbox.events
