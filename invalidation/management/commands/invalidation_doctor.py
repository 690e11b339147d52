"""`manage.py invalidation_doctor`: puts a canary through every tier and names what is configured wrong."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from invalidation import doctor
from invalidation.management.output import FAILED, add_format, print_json, print_table


class Command(BaseCommand):
    """Exit codes: 0 nothing is wrong, 1 something is."""

    help = "Put a canary through every tier and node, purge it, and name what is configured wrong."
    #: Wrong settings are what it is there to name.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The format."""
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Examine, remember, print."""
        report = doctor.examine()
        doctor.remember(report)
        if options["format"] == "json":
            print_json(self.stdout, report.document())
        else:
            self._show(report)
        if report.findings:
            raise CommandError(f"{len(report.findings)} things are wrong.", returncode=FAILED)

    def _show(self, report: doctor.Report) -> None:
        rows = [(f.fault.code, f.tier, f.node, str(f), f.fault.remedy) for f in report.findings]
        if rows:
            print_table(self.stdout, "What is wrong", ("fault", "tier", "node", "what", "remedy"), rows)
        self.stdout.write(f"Examined: {', '.join(report.examined)}.")
        for note in report.notes:
            self.stdout.write(note)
        if not rows:
            self.stdout.write("Nothing is wrong.")
