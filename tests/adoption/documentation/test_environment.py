"""Every environment variable that is read stands in the reference, and the reference names no other."""

from __future__ import annotations

import re

import pytest

from tests.adoption.documentation.commands import ROOT
from tests.adoption.documentation.environment_reads import Read, Unresolved, in_code, in_text, reads
from tests.adoption.documentation.environment_table import OF_THE_SYSTEM, PAGE, SECTIONS, WHO, known, page


def test_the_reference_is_what_the_code_and_the_files_read() -> None:
    assert PAGE.read_text() == page(known()), "run python -m tests.adoption.documentation.environment_table"


def test_every_variable_that_is_read_has_a_meaning_where_it_belongs() -> None:
    told = [(name, read) for _, meanings, belongs in SECTIONS for name in meanings for read in known() if belongs(read)]
    explained = {read for name, read in told if name == read.name}
    assert sorted({read.name for read in known() if read not in explained}) == []


def test_nothing_is_explained_that_nobody_reads() -> None:
    for title, meanings, belongs in SECTIONS:
        read = {one.name for one in known() if belongs(one)}
        assert [(title, name) for name in meanings if name not in read] == []


def test_every_file_that_reads_one_has_a_reader() -> None:
    assert [read for read in reads() if not any(map(read.file.startswith, [*WHO, "Procfile", "deploy/systemd/"]))] == []
    assert {read.name for read in reads() if read.file.startswith("deploy/systemd/")} <= OF_THE_SYSTEM


def test_no_mention_of_the_environment_escapes_the_search() -> None:
    """By its text: as many files as the syntax tree finds, but for those that hand all of it on."""
    mention = re.compile(
        r"environ(?:\[|\.(?:get|setdefault|pop)\()|getenv\(|environment\.(?:text|words|flag|required)\("
    )
    folders = ("project", "workers", "invalidation", "deploy")
    files = [ROOT / "manage.py", *(file for folder in folders for file in (ROOT / folder).rglob("*.py"))]
    mentioned = {str(file.relative_to(ROOT)) for file in files if mention.search(file.read_text())}
    assert mentioned - {"project/settings/environment.py"} == {
        read.file for read in reads() if read.file.endswith(".py")
    }


EVERY_FORM = """
import os
from functools import partial
NAMED = "E"
A = os.environ.get("A", "x")
B = os.environ["B"]
os.environ["SET"] = "not read"
C = os.getenv("C")
D = [environment.text(f"D_{name}") for name in ("ONE", "TWO")]
E = os.environ.get(NAMED) or 0
def port(variable: str) -> int:
    return int(os.environ.get(variable) or 0)
F, G = port("F"), partial(port, "G")
H = environment.required("H")
I = sum(bool(environment.words(one)) for one in ("I",))
J = environment.flag("J", default=True)
K = environment.text("K", str(B))
"""


def test_every_form_of_a_read_is_found() -> None:
    found = {read.name: (read.default, read.required) for read in in_code(EVERY_FORM, "x.py")}
    assert found == {
        "A": ("x", False),
        **dict.fromkeys(("B", "C", "D_ONE", "D_TWO", "E", "F", "G", "I"), ("", False)),
        "H": ("", True),
        "J": ("True", False),
        "K": ("str(B)", False),
    }


def test_a_read_whose_name_can_not_be_told_is_refused() -> None:
    with pytest.raises(Unresolved, match=r"x\.py:1"):
        list(in_code("os.environ.get(name())", "x.py"))


def test_what_a_shell_puts_in_is_found_and_what_it_sets_itself_is_not() -> None:
    text = "web: run ${PORT:-80} $HOST\nOWN=1 echo $OWN ${NEED:?}\n# $COMMENT ${x}"
    assert list(in_text(text, "Procfile")) == [
        Read("PORT", "Procfile", "80", process="web"),
        Read("HOST", "Procfile", process="web"),
        Read("NEED", "Procfile", required=True, process="OWN=1 echo $OWN ${NEED"),
    ]
