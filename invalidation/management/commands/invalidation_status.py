"""`manage.py invalidation_status`: how one event stands, or the whole pipeline."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from invalidation.management.display import show_event, show_overview
from invalidation.management.output import USAGE, add_format
from invalidation.models import Event
from invalidation.status import documents


class Command(BaseCommand):
    """Exit codes: 0 shown, 2 no such event."""

    help = "Show an event with its batch and deliveries; without an id the backlog, lag and tiers."

    def add_arguments(self, parser: CommandParser) -> None:
        """An optional id."""
        parser.add_argument("id", nargs="?", help="The id that `purge` printed.")
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one document."""
        if not options["id"]:
            show_overview(self.stdout, documents.overview(), options["format"])
            return
        try:
            event = documents.find(options["id"])
        except Event.DoesNotExist as error:
            raise CommandError(str(error), returncode=USAGE) from error
        show_event(self.stdout, documents.document(event), options["format"])
