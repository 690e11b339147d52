"""`manage.py invalidation_audit`: changes without an event, tags that nothing carries, pages that no purge reaches."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from invalidation.audit import last_report
from invalidation.audit.changes import recorder
from invalidation.audit.examination import PARTS, Question, examine
from invalidation.audit.findings import Finding, Report
from invalidation.management.output import FAILED, USAGE, add_format, print_fields, print_json, print_table

COLUMNS = ("no.", "fault", "what", "times")
#: Of a terminal that nobody has widened; and how much of an address fits beside the other columns.
WIDTH, SUBJECT = 80, 38
#: Ten years.
MOST_HOURS = 24 * 3660


class Command(BaseCommand):
    """Exit codes: 0 nothing was found, 1 something was, 2 usage, or a part could not be looked at."""

    help = "Name changes without an event, tags that nothing carries and pages that no purge reaches."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to look at, and how much of it."""
        parser.add_argument("--part", action="append", choices=PARTS, help="Repeat for several (default: all).")
        parser.add_argument("--since", type=float, default=168.0, metavar="HOURS", help="How far back (a week).")
        parser.add_argument("--limit", type=int, default=20_000, metavar="N", help="Most pages, events and changes.")
        parser.add_argument("--sitemap", default="", metavar="PATH", help="Look at the pages that it lists too.")
        parser.add_argument("--accept", action="append", default=[], metavar="PATTERN", help="Of subjects seen to.")
        parser.add_argument("--settle", type=float, default=10.0, metavar="SECONDS", help="Newer changes wait.")
        parser.add_argument("--keep", type=float, default=24.0, metavar="HOURS", help="Older notes of changes go.")
        notes = parser.add_mutually_exclusive_group()
        notes.add_argument("--install", action="store_true", help="Let PostgreSQL note changes from now on.")
        notes.add_argument("--remove", action="store_true", help="Take that away.")
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, print."""
        if options["install"] or options["remove"]:
            self._change(_removed if options["remove"] else _installed)
            return
        question = _question(options)
        try:
            report = examine(question)
        except DatabaseError as error:
            raise CommandError(f"An outbox can't be read: {error}", returncode=USAGE) from error
        last_report.remember(report, question.parts)
        if options["format"] == "json":
            print_json(self.stdout, report.document())
        else:
            self._show(report)
        if report.findings:
            raise CommandError(f"{len(report.findings)} things to mend.", returncode=FAILED)
        if report.not_held:
            raise CommandError("Not everything that was asked for could be looked at.", returncode=USAGE)

    def _change(self, change: Callable[[BaseDatabaseWrapper], str]) -> None:
        """Put the triggers of every database there, or take them away."""
        try:
            said = [f"{connection.alias}: {change(connection)}" for connection in recorder.auditable()]
        except DatabaseError as error:
            raise CommandError(f"{error} Run it again.", returncode=USAGE) from error
        if not said:
            raise CommandError("Changes are noted by PostgreSQL alone, and no database is one.", returncode=USAGE)
        self.stdout.write("\n".join(said))

    def _show(self, report: Report) -> None:
        """A row for each finding, then what is to blame for it and what to do."""
        if report.findings:
            found = enumerate(report.findings, 1)
            rows = [(number, one.kind.code, _cut(one.subject), one.times) for number, one in found]
            print_table(self.stdout, "To mend", COLUMNS, rows)
        for number, one in enumerate(report.findings, 1):
            self._write(f"{number}. ", [one.subject, *_told(one)])
        print_fields(self.stdout, {**report.looked_at, "accepted": report.accepted or None})
        for note in report.notes:
            self._write("note: ", [note])
        for lack in report.not_held:
            self._write("NOT LOOKED AT: ", [lack])
        if not (report.findings or report.not_held):
            self.stdout.write("Nothing to mend.")

    def _write(self, start: str, paragraphs: Sequence[str]) -> None:
        """Each below the other, behind `start`."""
        space = " " * len(start)
        for number, paragraph in enumerate(paragraphs):
            shown = textwrap.wrap(_printable(paragraph), WIDTH - len(start), break_on_hyphens=False)
            lines = [space + line for line in shown]
            self.stdout.write("\n".join([start + "".join(shown[:1]), *lines[1:]] if number == 0 else lines))


def _question(options: Mapping[str, Any]) -> Question:
    hours = (options["since"], options["keep"] or 1.0, options["settle"] / 3600 or 1.0)
    if not all(0 < one <= MOST_HOURS for one in hours) or options["limit"] < 1:
        raise CommandError(
            "--since and --keep take hours, --settle seconds, up to ten years; --limit a number, 1 or more.",
            returncode=USAGE,
        )
    return Question(
        parts=frozenset(options["part"] or PARTS),
        since=timedelta(hours=options["since"]),
        limit=options["limit"],
        sitemap=options["sitemap"],
        accepted=tuple(options["accept"]),
        insists=bool(options["part"]),
        settle=timedelta(seconds=options["settle"]),
        kept=timedelta(hours=options["keep"]),
    )


def _installed(connection: BaseDatabaseWrapper) -> str:
    """Install, and say what is watched."""
    refused = recorder.install(connection)
    watched = {note.table for note in recorder.noting(connection)} - {*refused}
    return f"{len(watched)} tables are watched." + (f" Not watched: {', '.join(refused)}." if refused else "")


def _removed(connection: BaseDatabaseWrapper) -> str:
    """Remove, and say what was there."""
    return f"{recorder.remove(connection)} triggers were removed."


def _told(finding: Finding) -> Iterator[str]:
    yield f"{finding.kind.words} {finding.detail}".strip()
    yield f"blame: {finding.blame}"
    yield f"remedy: {finding.kind.remedy}"


def _cut(subject: str) -> str:
    shown = _printable(subject)
    return shown if len(shown) <= SUBJECT else f"{shown[: SUBJECT - 1]}…"


def _printable(text: str) -> str:
    """What others wrote into Redis or a row must not steer a terminal."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
