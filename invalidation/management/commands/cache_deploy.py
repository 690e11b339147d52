"""`manage.py cache_deploy`: one phase of deploying a release behind caches."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from invalidation import conf, deployment
from invalidation.exceptions import InvalidTarget
from invalidation.management.output import FAILED, USAGE, add_format, print_fields, print_json, print_table

PAGES = ("tier", "node", "url", "status_code", "cache_status", "sequence", "milliseconds")


class Command(BaseCommand):
    """Exit codes: 0 the phase held, 1 it did not and the report says why, 2 nothing was begun."""

    help = "Prepare (pre), carry out (deploy) or verify (post) the deployment of a release behind caches."

    def add_arguments(self, parser: CommandParser) -> None:
        """Phase, release, patience, confirmation, format."""
        parser.add_argument("--phase", choices=deployment.PHASES, required=True, help="Which phase.")
        parser.add_argument("--release", help="Name of the release (default: INVALIDATION['PAGES']['RELEASE']).")
        parser.add_argument("--wait", type=float, default=60.0, metavar="SECONDS", help="For the purge (default: 60).")
        parser.add_argument(
            "--confirm-wide", action="store_true", help="Yes, purge everything, or a large share of all known URLs."
        )
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the phase, print its report."""
        release = conf.settings().pages.release if options["release"] is None else options["release"]
        try:
            if options["phase"] == "deploy" and not options["confirm_wide"] and (wide := deployment.unconfirmed()):
                raise CommandError(f"This reaches {wide}; add --confirm-wide if that is meant.", returncode=USAGE)
            outcome = deployment.run(options["phase"], release, options["wait"])
        except InvalidTarget as error:
            raise CommandError(str(error), returncode=USAGE) from error
        document = outcome.document()
        if options["format"] == "json":
            print_json(self.stdout, document)
        else:
            self._show(outcome)
        if outcome.problems:
            raise CommandError(f"Phase {outcome.phase} failed:\n" + "\n".join(outcome.problems), returncode=FAILED)

    def _show(self, outcome: deployment.Outcome) -> None:
        """Facts one a line, pages in a table; what is wrong goes to standard error."""
        facts = dict(outcome.facts)
        pages, warmed, purge = facts.pop("pages", []), facts.pop("warmed", None), facts.pop("purge", None)
        lines = {
            "phase": outcome.phase,
            "release": outcome.release,
            "succeeded": "no" if outcome.problems else "yes",
            **facts,
            "purge": purge and f"{purge['id']} {purge['status']}",
            "warmed": warmed and f"{warmed['urls']} pages, {warmed['requests']} requests, {warmed['seconds']} s",
        }
        print_fields(self.stdout, lines)
        if pages:
            print_table(self.stdout, "Pages", PAGES, ([page.get(name) for name in PAGES] for page in pages))
