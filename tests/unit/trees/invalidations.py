"""What a change to a tree makes stale: as docs/how-to/trees.md says it."""

from __future__ import annotations

from typing import Any

import invalidation
from tests.unit.trees.models import Adjacent, Branch, Nested, Path


class NodeRules(invalidation.Rules):
    """The node, and whatever is below it."""

    managers = ["objects"]

    def prefixes(self, node: Any) -> list[str]:
        return [node.get_absolute_url()]


class TreebeardRules(NodeRules):
    """It moves nodes without a signal."""

    moves = ["move"]


@invalidation.register(Path)
class PathRules(TreebeardRules):
    ignore = ["path", "depth", "numchild"]


@invalidation.register(Nested)
class NestedRules(TreebeardRules):
    ignore = ["lft", "rgt", "tree_id", "depth"]


@invalidation.register(Adjacent)
class AdjacentRules(TreebeardRules):
    ignore = ["sib_order"]
    before = ["get_absolute_url", "prefixes"]


@invalidation.register(Branch)
class BranchRules(NodeRules):
    """It moves the rows before it saves the node."""

    ignore = ["lft", "rght", "tree_id", "level"]
    before = ["get_absolute_url", "prefixes"]
    moves = ["move_to", "move_node"]
