"""`manage.py invalidation_token`: makes, lists and revokes the tokens of the HTTP API."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from invalidation.contrib.ninja.asking.grants import BadGrant, grant
from invalidation.contrib.ninja.asking.scopes import Scope
from invalidation.contrib.ninja.models import Token
from invalidation.contrib.ninja.rows import tokens
from invalidation.management.account import account
from invalidation.management.output import USAGE, add_format, print_fields, print_json, print_table

COLUMNS = ("name", "identifier", "scopes", "hosts", "tags", "created_at", "expires_at", "last_used_at", "revoked_at")
MOST_DAYS = 36_500


def days(text: str) -> timedelta:
    """A time to come."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number <= MOST_DAYS:
        raise ArgumentTypeError(f"{text!r} is not a number of days, above 0 and at most {MOST_DAYS}")
    return timedelta(days=number)


class Command(BaseCommand):
    """Exit codes: 0 done, 2 usage."""

    help = "Create, list and revoke tokens of the HTTP API."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do, and with which token."""
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="Make a token and show it, once.")
        create.add_argument("name", help="The actor of its purges.")
        create.add_argument("--scope", dest="scopes", action="append", required=True, choices=Scope.values)
        create.add_argument("--host", dest="hosts", action="append", default=[], help="Only URLs of this host.")
        create.add_argument(
            "--tag", dest="tags", action="append", default=[], help="Only this tag, or beginning with *."
        )
        create.add_argument("--days", dest="lifetime", type=days, help="Refuse it after so long; left out: never.")
        add_format(create)
        add_format(actions.add_parser("list", help="Show every token, never its text."))
        actions.add_parser("revoke", help="Refuse a token from now on.").add_argument(
            "name", help="Name or identifier."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """One of the three."""
        {"create": self.create, "list": self.list, "revoke": self.revoke}[options["action"]](options)

    def create(self, options: dict[str, Any]) -> None:
        """The text goes to standard output, and nowhere else."""
        expires_at = timezone.now() + options["lifetime"] if options["lifetime"] else None
        rights = {name: options[name] for name in ("scopes", "hosts", "tags")}
        try:
            granted = grant(options["name"], **rights, expires_at=expires_at, by=account())
        except BadGrant as error:
            raise CommandError(str(error), returncode=USAGE) from error
        document = {"token": granted.text, **shown(granted.token)}
        if options["format"] == "json":
            print_json(self.stdout, document)
        else:
            print_fields(self.stdout, document | {"note": "The token is not stored and not shown again."})

    def list(self, options: dict[str, Any]) -> None:
        """The newest first."""
        rows = [shown(token) for token in tokens.every()]
        if options["format"] == "json":
            print_json(self.stdout, rows)
        else:
            print_table(self.stdout, "Tokens", COLUMNS, [[_cell(row[name]) for name in COLUMNS] for row in rows])

    def revoke(self, options: dict[str, Any]) -> None:
        """By name, else by identifier."""
        every = tokens.every()
        found = every.filter(name=options["name"]).first() or every.filter(identifier=options["name"]).first()
        if found is None:
            raise CommandError("There is no such token; `invalidation_token list` shows all.", returncode=USAGE)
        tokens.revoke([found.pk], by=account())
        self.stdout.write(f"{found.name} ({found.identifier}) is refused from now on.")


def shown(token: Token) -> dict[str, Any]:
    """What anybody may know of it who may run commands."""
    values = {name: getattr(token, name) for name in COLUMNS}
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()}


def _cell(value: Any) -> Any:
    return " ".join(value) if isinstance(value, list) else value
