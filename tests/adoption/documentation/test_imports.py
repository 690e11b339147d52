"""What a document imports from the app is there."""

from __future__ import annotations

import re
import textwrap
from importlib import import_module
from pathlib import Path

import pytest

from tests.adoption.documentation.commands import DOCUMENTS, ROOT

BLOCK = re.compile(r"^ *```python\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
IMPORT = re.compile(r"^from (invalidation[\w.]*) import ([\w, ]+)|^import (invalidation[\w.]*)", re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_name_that_a_document_imports_from_the_app_exists(document: Path) -> None:
    for block in BLOCK.findall(document.read_text()):
        for package, names, module in IMPORT.findall(textwrap.dedent(block)):
            found = import_module(package or module)
            assert [name for name in names.replace(" ", "").split(",") if name and not hasattr(found, name)] == []
