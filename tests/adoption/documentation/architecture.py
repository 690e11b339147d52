"""Keeps the lists of docs/architecture.md: the files of each stage, and those that one save enters.

`python -m tests.adoption.documentation.architecture` writes names and lengths anew; `--follow` traces a save before.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deploy.local import Redis, Varnish, free_port
from tests.adoption.documentation.commands import ROOT

PAGE, PRODUCT = ROOT / "docs/architecture.md", ROOT / "invalidation"
#: Folders by what happens there, in the order of the flow.
STAGES: Mapping[str, tuple[str, ...]] = {
    "a change becomes targets": ("emission", "emission/rows"),
    "targets become rows of the outbox, and are announced after the commit": ("pipeline", "rows"),
    "announcements become messages, and messages tasks": (
        *("contrib/celery/announcing", "contrib/celery/consuming", "contrib/celery"),
    ),
    "events become a batch": ("pipeline/intake",),
    "a batch becomes calls": ("pipeline/planning",),
    "calls become proof": ("pipeline/delivery",),
    "a cache is asked": (
        *("providers", "providers/answers", "providers/wire"),
        *("providers/cdn", "providers/cloudflare", "providers/cloudfront"),
    ),
    "what comes after a purge": ("pipeline/aftercare",),
    "what keeps old copies out meanwhile": ("freshness", "http", "caching", "caching/values", "caching/querysets"),
    "what a page reads becomes its tags": ("tracking",),
    "what all of them know": ("", "models", "targets", "conf"),
    "who looks, and who helps": (
        *("status", "status/overview", "status/why", "admin", "admin/pages", "management", "management/commands"),
        *("monitor", "doctor", "checks", "audit", "audit/changes"),
        *("contrib/ninja", "contrib/ninja/asking", "contrib/ninja/answering", "contrib/ninja/rows"),
        *("contrib/ninja/management/commands", "contrib/opentelemetry", "contrib/prometheus"),
        *("contrib/wagtail", "contrib/wagtail/rules"),
        *("deployment", "proxies", "testing", "templatetags"),
    ),
}
SIDES = {"save": "In the process that saves", "worker": "In the worker"}
ENTERED = re.compile(r"^\d+\. \[`(.+?)`\]|^### (.+)$", re.MULTILINE)


def modules(folder: str) -> list[str]:
    """Names of its modules."""
    return sorted(path.stem for path in (PRODUCT / folder).glob("*.py") if path.stem != "__init__")


def stages() -> str:
    """A row for each folder; the first of a stage names the stage."""
    rows = ["| stage | folder | files |", "|---|---|---|"]
    for stage, folders in STAGES.items():
        for folder in folders:
            names = ", ".join(f"`{name}`" for name in modules(folder))
            rows.append(f"| {stage if folder == folders[0] else ''} | {_link(folder, f'{folder}/')} | {names} |")
    return "\n".join(rows)


def entered(sides: Mapping[str, str]) -> str:
    """The files with their lengths and first lines."""
    lines = [f"{len(sides)} files, {sum(map(_length, sides)):,} lines."]
    files = sorted(sides, key=lambda file: list(SIDES).index(sides[file]))
    for number, file in enumerate(files, 1):
        if number == 1 or sides[file] != sides[files[number - 2]]:
            lines += ["", f"### {SIDES[sides[file]]}"]
        lines.append(f"{number}. {_link(file, file)}, {_length(file)} lines: {_reason(file)}")
    return "\n".join(lines)


def _link(path: str, text: str) -> str:
    return f"[`{text if path else 'invalidation/'}`](../invalidation/{path})"


def _length(file: str) -> int:
    return len((PRODUCT / file).read_text().splitlines())


def _reason(file: str) -> str:
    """The first line of the module."""
    told = ast.get_docstring(ast.parse((PRODUCT / file).read_text()))
    assert told, f"{file} doesn't say why it exists"
    return told.splitlines()[0]


def listed(page: str) -> dict[str, str]:
    """What the page says is entered, and on which side."""
    names, side = {heading: side for side, heading in SIDES.items()}, ""
    found: dict[str, str] = {}
    for file, heading in ENTERED.findall(page):
        side = names.get(heading, "") if heading else side
        if file and side:
            found[file] = side
    return found


def rendered(page: str, sides: Mapping[str, str]) -> str:
    """The page with the names and lengths of now."""
    for part, text in (("stages", stages()), ("save", entered(sides))):
        begin, end = f"<!-- {part}: begin -->\n", f"\n<!-- {part}: end -->"
        before, rest = page.split(begin)
        page = before + begin + text + end + rest.split(end)[1]
    return page


def followed(redis: Redis, varnish: Varnish, database_url: str, site: str) -> dict[str, str]:
    """The files that one save enters, in that order, each with its side."""
    servers = {
        "CELERY_BROKER_URL": redis.url(0),
        "FRESHNESS_REDIS_URL": redis.url(1),
        "VARNISH_NODES": varnish.url,
        "PURGE_SECRET": varnish.secret,
        "SITE_URLS": site,
    }
    command = [sys.executable, "-m", "tests.adoption.documentation.traced"]
    ended = subprocess.run(
        command, cwd=ROOT, env=_environment(database_url) | servers, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    sides: dict[str, str] = json.loads(ended.stdout)
    return sides


def _environment(database_url: str) -> dict[str, str]:
    return os.environ | {"DJANGO_SETTINGS_MODULE": "tests.adoption.documentation.adopted", "DATABASE_URL": database_url}


def follow() -> dict[str, str]:
    """The same with servers of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder, database_url = Path(name), f"sqlite:///{name}/site.sqlite3"
        command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
        subprocess.run(command, cwd=ROOT, env=_environment(database_url), check=True)
        nobody = f"127.0.0.1:{free_port()}"
        with Redis(folder) as redis, Varnish(folder, [nobody], "a-secret-to-follow-a-save") as varnish:
            return followed(redis, varnish, database_url, "http://traced.test")


if __name__ == "__main__":
    now = PAGE.read_text()
    PAGE.write_text(rendered(now, follow() if "--follow" in sys.argv else listed(now)))
