"""The list of keys in Redis is complete, and holds none that is gone."""

from __future__ import annotations

import ast
import re

from tests.adoption.documentation.commands import ROOT

KEY = re.compile(r"invalidation:[a-z][a-z:-]*")
ROW = re.compile(r"^\| `(invalidation:[a-z:-]+)`", re.MULTILINE)


def written() -> set[str]:
    """Every text of the code that a key is made of: the key itself, or its beginning."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "invalidation").rglob("*.py")]
    constants = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return {value for value in constants if isinstance(value, str) and KEY.fullmatch(value)}


def test_every_key_is_listed_and_no_other() -> None:
    listed = ROW.findall((ROOT / "docs/reference/redis-keys.md").read_text())
    assert len(written()) > 20
    assert sorted(listed) == sorted(written())
