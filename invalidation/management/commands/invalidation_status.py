"""`manage.py invalidation_status`: how one event stands, or the whole pipeline."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from invalidation.management.display import show_event, show_overview
from invalidation.management.output import FAILED, USAGE, add_format
from invalidation.models import Event
from invalidation.status import documents, limits


class Command(BaseCommand):
    """Exit codes: 0 shown, 1 a figure named by `--fail-on` is too high, 2 no such event."""

    help = "Show an event with its batch and deliveries; without an id the backlog, lag and tiers."

    def add_arguments(self, parser: CommandParser) -> None:
        """An optional id, and what makes a monitor complain."""
        parser.add_argument("id", nargs="?", help="The id that `purge` printed, or 8 or more of its first characters.")
        parser.add_argument(
            "--fail-on",
            metavar="FIGURE[=MOST],…",
            default="",
            help="Exit with 1 above any of these: dead[=N], lag=SECONDS, backlog=N, rules[=N]. As in dead,lag=30.",
        )
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one document."""
        if options["id"] and options["fail_on"]:
            raise CommandError("--fail-on judges the whole pipeline; give it without an id.", returncode=USAGE)
        if options["id"]:
            self._event(options["id"], options["format"])
        else:
            self._overview(options["fail_on"], options["format"])

    def _event(self, identifier: str, style: str) -> None:
        try:
            event = documents.find(identifier)
        except Event.DoesNotExist as error:
            raise CommandError(str(error), returncode=USAGE) from error
        show_event(self.stdout, documents.document(event), style)

    def _overview(self, fail_on: str, style: str) -> None:
        try:
            asked = limits.parse(fail_on)
        except limits.Unlimited as error:
            raise CommandError(str(error), returncode=USAGE) from error
        overview = documents.overview()
        show_overview(self.stdout, overview, style)
        if found := limits.exceeded(overview, asked):
            raise CommandError(f"Too much: {'; '.join(found)}.", returncode=FAILED)
