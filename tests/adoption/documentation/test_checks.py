"""Every system check has its line in the reference, and its fix in the message."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.adoption.documentation.commands import ROOT

REFERENCE = ROOT / "docs/reference/checks.md"
ID = re.compile(r"invalidation\.[EWI][0-9]{3}")


def messages() -> Iterator[tuple[str, set[str]]]:
    """The id of each check message that the package makes, with the names of what it is given."""
    for path in (ROOT / "invalidation").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                given = {keyword.arg or "": keyword.value for keyword in node.keywords}
                identity = given.get("id")
                if isinstance(identity, ast.Constant) and ID.fullmatch(str(identity.value)):
                    yield str(identity.value), set(given)


def test_the_reference_names_every_check_and_no_other() -> None:
    made = {identity for identity, _ in messages()}
    documented = re.findall(r"^\| `(invalidation\.[EWI]\d{3})` \|", REFERENCE.read_text(), re.MULTILINE)
    assert len(made) >= 19
    assert sorted(made) == sorted(documented)


def test_every_check_says_the_fix() -> None:
    assert [identity for identity, given in messages() if "hint" not in given] == []
