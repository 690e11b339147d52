"""`manage.py invalidation_audit`: names tags that nothing carries and pages that no purge reaches."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from invalidation.audit.examination import PARTS, Question, examine
from invalidation.audit.findings import Finding, Report
from invalidation.management.output import FAILED, USAGE, add_format, print_fields, print_json, print_table

COLUMNS = ("no.", "fault", "what", "times")
#: Of a terminal that nobody has widened; and how much of an address fits beside the other columns.
WIDTH, SUBJECT = 80, 38


class Command(BaseCommand):
    """Exit codes: 0 nothing was found, 1 something was, 2 usage, or a part could not be looked at."""

    help = "Name tags that nothing carries and pages that no purge reaches, each with what is to blame."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to look at, and how much of it."""
        parser.add_argument("--part", action="append", choices=PARTS, help="Repeat for several (default: all).")
        parser.add_argument("--since", type=float, default=168.0, metavar="HOURS", help="Events (default: a week).")
        parser.add_argument("--limit", type=int, default=20_000, metavar="N", help="Most pages, and most events.")
        parser.add_argument("--sitemap", default="", metavar="PATH", help="Look at the pages that it lists too.")
        parser.add_argument("--accept", action="append", default=[], metavar="PATTERN", help="Of subjects seen to.")
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, print."""
        if not 0 < options["since"] <= 24 * 3660 or options["limit"] < 1:
            raise CommandError(
                "--since takes hours, up to ten years, and --limit a number, 1 or more.", returncode=USAGE
            )
        question = Question(
            parts=frozenset(options["part"] or PARTS),
            since=timedelta(hours=options["since"]),
            limit=options["limit"],
            sitemap=options["sitemap"],
            accepted=tuple(options["accept"]),
        )
        report = examine(question)
        if options["format"] == "json":
            print_json(self.stdout, report.document())
        else:
            self._show(report)
        if report.findings:
            raise CommandError(f"{len(report.findings)} things to mend.", returncode=FAILED)
        if report.not_held:
            raise CommandError("Not everything that was asked for could be looked at.", returncode=USAGE)

    def _show(self, report: Report) -> None:
        """A row for each finding, then what is to blame for it and what to do."""
        if report.findings:
            rows = [
                (number, one.kind.code, _cut(one.subject), one.times) for number, one in enumerate(report.findings, 1)
            ]
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
