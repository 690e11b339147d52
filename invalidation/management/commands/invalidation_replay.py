"""`manage.py invalidation_replay`: gives dead letters another life."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from invalidation import conf
from invalidation.management.account import account
from invalidation.management.output import USAGE, add_format, print_json
from invalidation.models import Delivery
from invalidation.pipeline import replay
from invalidation.rows import deliveries


class Command(BaseCommand):
    """Exit codes: 0 replayed (even if there was nothing to), 2 usage."""

    help = "Replay dead letters: deliveries that were rejected or ran out of attempts."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which ones."""
        parser.add_argument(
            "--delivery", dest="deliveries", metavar="ID", type=int, nargs="+", default=[], help="These."
        )
        parser.add_argument("--tier", metavar="NAME", help="All of this tier.")
        parser.add_argument("--all", action="store_true", help="All of every tier.")
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay in every database that holds an outbox."""
        if not (options["deliveries"] or options["tier"] or options["all"]):
            raise CommandError("Name what to replay: --delivery ID, --tier NAME or --all.", returncode=USAGE)
        if options["tier"] and options["tier"] not in conf.settings().tiers:
            known = ", ".join(sorted(conf.settings().tiers))
            raise CommandError(f"{options['tier']!r} is not a tier; configured are {known}.", returncode=USAGE)
        actor = account()
        number = sum(replay(dead_letters(alias, options), actor=actor) for alias in conf.settings().databases)
        if options["format"] == "json":
            print_json(self.stdout, {"replayed": number})
        else:
            self.stdout.write(f"{number} dead letter{'s' * (number != 1)} replayed.")


def dead_letters(alias: str, options: dict[str, Any]) -> QuerySet[Delivery]:
    """The dead letters of one database that the options name."""
    chosen = deliveries.dead_letters(alias)
    if options["tier"]:
        chosen = chosen.filter(tier=options["tier"])
    return chosen.filter(pk__in=options["deliveries"]) if options["deliveries"] else chosen
