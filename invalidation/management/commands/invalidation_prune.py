"""`manage.py invalidation_prune`: forgets finished history."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from invalidation.management.output import USAGE, add_format, print_json, print_table
from invalidation.pipeline import prune


class Command(BaseCommand):
    """Exit codes: 0 pruned, 2 usage."""

    help = "Delete finished events, batches and deliveries older than the retention."

    def add_arguments(self, parser: CommandParser) -> None:
        """How old."""
        parser.add_argument("--older-than", type=float, metavar="DAYS", help="Instead of RETENTION_DAYS.")
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete and say how many rows."""
        days = options["older_than"]
        if days is not None and not days >= 0:
            raise CommandError("--older-than takes a number of days, 0 or more.", returncode=USAGE)
        deleted = prune(older_than_days=days)
        if options["format"] == "json":
            print_json(self.stdout, deleted)
        else:
            print_table(self.stdout, "Pruned", ("kind", "rows"), deleted.items())
