"""Renders the configurations of this package, for real deployments and for the tests alike."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.template import Context, Engine

FOLDER = Path(__file__).resolve().parent
#: Needs no quoting in either language; Python's secrets.token_urlsafe() gives such values.
SECRET_PATTERN = re.compile(r"[A-Za-z0-9_-]{16,}")
#: Names of Django's own cookies, as a regular expression.
PRIVATE_COOKIES = "sessionid|csrftoken|messages"
TAG_HEADERS = ("xkey", "Cache-Tag", "Surrogate-Key")

Value = str | Sequence[str] | Sequence[tuple[str, str]] | Sequence[tuple[str, Sequence[str]]]


def render(template: str, values: Mapping[str, Value]) -> str:
    """The text of e.g. "nginx/site.conf.template" with its placeholders filled in.

    Raises:
        ValueError: the template mentions a placeholder that `values` lacks, or the secret can't be written into it.
    """
    text = (FOLDER / template).read_text()
    if missing := placeholders(text) - set(values):
        raise ValueError(f"{template} needs {sorted(missing)}.")
    if "secret" in values and not SECRET_PATTERN.fullmatch(str(values["secret"])):
        raise ValueError("The secret must be 16 or more of A-Z, a-z, 0-9, '_' and '-'; try secrets.token_urlsafe().")
    return Engine(autoescape=False).from_string(text).render(Context(dict(values), autoescape=False))


def write_private(path: Path, text: str) -> None:
    """For the owner alone, from its first byte on: the text holds the secret."""
    path.unlink(missing_ok=True)
    with open(path, "w", opener=lambda name, flags: os.open(name, flags | os.O_EXCL, 0o600)) as file:
        file.write(text)


def placeholders(text: str) -> set[str]:
    """Names that the template's comment documents: two spaces, the name (or names), two spaces, its meaning."""
    comment = text.partition("{% endcomment %}")[0].partition("Placeholders:\n")[2].partition("\n\n")[0]
    names = re.findall(r"^  ([a-z][a-z_, ]*?)  +\S", comment, re.MULTILINE)
    return {name.strip() for line in names for name in line.split(",")}


def parameters() -> list[str]:
    """What varnishd must be started with, beside the VCL, as arguments."""
    lines = (FOLDER / "varnish/parameters").read_text().splitlines()
    return [part for line in lines if line and not line.startswith("#") for part in ("-p", line)]
