"""A page of the documents as somebody follows it: the files that it shows, and what is typed in which terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^( *)```(python|console)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
ANOTHER_TERMINAL = "# in a"


@dataclass(frozen=True, slots=True)
class Write:
    """Python that belongs into a file, after what is there."""

    path: str
    code: str


@dataclass(frozen=True, slots=True)
class Type:
    """A command, and the lines that it is said to answer, "…" for anything."""

    command: str
    answers: tuple[str, ...]
    stays: bool = False
    """Does it go on running, in a terminal of its own?"""


def steps(page: Path) -> Iterator[Write | Type]:
    """In the order of reading."""
    for indent, kind, text in BLOCK.findall(page.read_text()):
        lines = [line.removeprefix(indent) for line in text.splitlines()]
        yield from _typed(lines) if kind == "console" else _written(lines)


def block(page: Path, name: str) -> str:
    """The Python that is shown as the file of that name."""
    [found] = [text for _, _, text in BLOCK.findall(page.read_text()) if text.lstrip().startswith(f"# {name}\n")]
    return textwrap.dedent(found)


def _written(lines: list[str]) -> Iterator[Write]:
    """Blocks whose first line names no file are only talked about."""
    path = re.fullmatch(r"# (\w+/\w+\.py)", lines[0])
    if path:
        yield Write(path[1], "\n".join(lines[1:]) + "\n")


def _typed(lines: list[str]) -> Iterator[Type]:
    stays = lines[0].startswith(ANOTHER_TERMINAL)
    command, answers = "", list[str]()
    for line in lines:
        if line.startswith("$ "):
            if command:
                yield Type(command, tuple(answers), stays)
            command, answers = line[2:], []
        elif command:
            answers.append(line)
    if command:
        yield Type(command, tuple(answers), stays)


def answered(output: str, answers: tuple[str, ...]) -> bool:
    """Does the output hold these lines, in this order? Spaces count as one."""
    pattern = "\n".join(" ".join(answer.split()) for answer in answers)
    said = "\n".join(" ".join(line.split()) for line in output.splitlines())
    return bool(re.search(re.escape(pattern).replace("…", ".*?"), said, re.DOTALL))
