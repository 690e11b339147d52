"""`manage.py cloudflare_rules`: our cache rules in a zone, beside those of others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from invalidation import conf
from invalidation.exceptions import DeliveryError
from invalidation.management.output import FAILED, USAGE, add_format, print_json, print_table
from invalidation.providers.cloudflare.purging import Cloudflare
from invalidation.providers.cloudflare.rules import CacheRules, changes, declared
from invalidation.providers.registry import provider_class


class Command(BaseCommand):
    """Exit codes: 0 done, 1 Cloudflare refused, 2 usage."""

    help = "List, apply or remove this project's cache rules in Cloudflare; rules of others are never touched."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do, where, with which rules."""
        parser.add_argument("action", choices=("list", "apply", "remove"))
        parser.add_argument("--rules", metavar="FILE", type=Path, help="JSON list of the rules to apply.")
        parser.add_argument("--tier", metavar="NAME", help="The tier whose zone is meant, where there are several.")
        parser.add_argument("--dry-run", action="store_true", help="Tell what would change, and change nothing.")
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask or change the zone."""
        tier = _tier(options["tier"])
        try:
            rows = self._rows(CacheRules(tier.name, tier.options), options)
        except DeliveryError as error:
            raise CommandError(f"{error} {error.reply}".strip(), returncode=FAILED) from error
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=USAGE) from error
        if options["format"] == "json":
            print_json(self.stdout, rows)
        else:
            headers = list(rows[0]) if rows else ["rule"]
            print_table(self.stdout, f"Cache rules of {tier.name}", headers, [list(row.values()) for row in rows])

    def _rows(self, rules: CacheRules, options: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        if options["action"] == "list":
            return [_shown(rule) for rule in rules.standing()]
        wanted = _read(options["rules"]) if options["action"] == "apply" else []
        made = changes(rules.standing(), wanted) if options["dry_run"] else rules.apply(wanted)
        return [{"change": change.verb, "rule": change.reference} for change in made]


def _shown(rule: Mapping[str, Any]) -> dict[str, Any]:
    names = ("ref", "description", "expression", "enabled")
    return {name: rule.get(name) for name in names}


def _read(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        raise CommandError(
            "Name the file with the rules: --rules deploy/cloudflare/cache-rules.json.", returncode=USAGE
        )
    try:
        document = json.loads(path.read_text())
        return declared(document)
    except (OSError, ValueError, TypeError, DeliveryError) as error:
        raise CommandError(f"{path} can't be used: {error}", returncode=USAGE) from error


def _tier(name: str | None) -> conf.Tier:
    tiers = conf.settings().tiers.values()
    zones = [tier for tier in tiers if issubclass(provider_class(tier.provider), Cloudflare)]
    chosen = [tier for tier in zones if name in (None, tier.name)]
    if len(chosen) != 1:
        known = ", ".join(tier.name for tier in zones) or "none"
        raise CommandError(f"Name one tier of Cloudflare with --tier; configured are: {known}.", returncode=USAGE)
    return chosen[0]
