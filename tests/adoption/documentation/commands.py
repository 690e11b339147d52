"""Finds the commands that the documents show."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


def shown() -> list[list[str]]:
    """Each command as a list of words, once; pipes and chains are taken apart, redirections left out."""
    blocks = [block for document in DOCUMENTS for block in CONSOLE.findall(document.read_text())]
    lines = [line for block in blocks for line in entered(block)]
    parts = [part for line in lines for part in re.split(r"\s(?:&&|\|)\s", line)]
    words = [shlex.split(part.partition(" > ")[0], comments=True) for part in parts]
    return [list(command) for command in dict.fromkeys(map(tuple, words)) if command]


def entered(block: str) -> list[str]:
    """What is typed, not what is answered; a line that ends with a backslash goes on."""
    lines = [line.strip() for line in block.replace("\\\n", " ").splitlines()]
    return [line[2:] for line in lines if line.startswith("$ ")]


def managed() -> list[list[str]]:
    """Those of manage.py: the name of the command and its arguments."""
    return [after(command, "manage.py") for command in shown() if any(word == "manage.py" for word in command[:2])]


def after(command: list[str], word: str) -> list[str]:
    """The words behind one."""
    return command[command.index(word) + 1 :]
