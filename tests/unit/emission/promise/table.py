"""What is not seen whole, with its reason and remedy; and the table of the docs, which has a line for every method.

`python -m tests.unit.emission.promise.table` writes it into docs/reference/emission.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "reference" / "emission.md"
BEGIN, END = "<!-- every write: begin -->\n", "<!-- every write: end -->\n"


@dataclass(frozen=True, slots=True)
class Case:
    """Calls of these methods on these kinds of rows: what is not seen, why, and what to do."""

    methods: tuple[str, ...]
    kinds: tuple[str, ...]
    """None named means all."""
    reason: str
    remedy: str

    until: tuple[int, int] = (99, 0)
    """The first version of Django that it isn't true of."""
    how: str = ""
    """The way of calling the methods; "" means any."""

    def holds(self, way: str, kind: str) -> bool:
        """Is this the case? The docs name every version's, the tests the one that is there."""
        return (self.how in way) and self._names(way, kind)

    def _names(self, way: str, kind: str) -> bool:
        return way.split(" (", maxsplit=1)[0] in self.methods and (not self.kinds or kind in self.kinds)


#: Django raises, and writes nothing.
REFUSED = (
    Case(("QuerySet.bulk_create",), ("multi-table child",), "Django refuses it", ""),
    Case(("QuerySet.raw",), ("composite key",), "Django before 6.0 refuses it", "", until=(6, 0)),
)
#: The write happens, and no event names the row.
UNSEEN = (
    Case(
        ("QuerySet.bulk_create", "QuerySet.bulk_update", "QuerySet.update"),
        ("manager of others",),
        "Django sends no signal for bulk writes",
        "an `InvalidatingManager`, or the manager's name in `Rules.managers` (checks `invalidation.W002`, `W010`)",
    ),
    Case(
        ("Model.save_base",),
        (),
        "the tags are named, the addresses not: what they are made of may not be loaded yet",
        "pages carry the tags, or `invalidate()` after the load",
        how="raw=True",
    ),
    Case(
        ("related.set_base",),
        ("`node.friends`", "`member.groups`", "`group.members`"),
        "the tags of both ends are named, the addresses not",
        "as above",
        how="raw=True",
    ),
    Case(
        ("QuerySet.raw",),
        (),
        "raw SQL",
        "the trigger, or `invalidate()` (check `invalidation.I001`)",
    ),
)


def table() -> str:
    """Markdown, one row per method and way of calling it."""
    from tests.unit.emission.promise.stages import KINDS
    from tests.unit.emission.promise.ways import WAYS

    lines = ["| method | on | not seen |", "|---|---|---|"]
    for way in WAYS:
        kinds = [kind.name for kind in KINDS if way.is_for(kind)]
        refused = {kind: case.reason for kind in kinds for case in REFUSED if case.holds(way.name, kind)}
        missed = {kind: case for kind in kinds for case in UNSEEN if case.holds(way.name, kind) and kind not in refused}
        seen = len(kinds) - len(refused) - len(missed)
        of = "all" if seen == len(kinds) else f"{seen} of"
        called = f"`{way.of}.{way.method}`" + (f", {way.how}" if way.how else "")
        lines.append(f"| {called} | {of} {len(kinds)} | {_told(refused, missed)} |")
    names = ", ".join(kind.name for kind in KINDS if not kind.related)
    related = ", ".join(kind.name for kind in KINDS if kind.related)
    return f"Kinds of rows: {names}; and rows of the related managers {related}.\n\n" + "\n".join(lines) + "\n"


def _told(refused: dict[str, str], missed: dict[str, Case]) -> str:
    by_case = {case: [kind for kind, held in missed.items() if held is case] for case in missed.values()}
    told = [
        f"{', '.join(kinds) if case.kinds else 'any'}: {case.reason}; {case.remedy}" for case, kinds in by_case.items()
    ]
    told += [f"{kind}: {reason}" for kind, reason in refused.items()]
    return ". ".join(told)


def rendered(document: str) -> str:
    """The document with a fresh table between its markers."""
    before, rest = document.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.test")
    django.setup()
    DOCUMENT.write_text(rendered(DOCUMENT.read_text()))
