"""Renders the shipped configuration of Nginx or Varnish for this project's tiers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from invalidation.proxies.templates import FOLDER, Value, parameters, placeholders, render, write_private
from invalidation.proxies.values import HERE, TEMPLATES, Surroundings, tier_of, values


class Command(BaseCommand):
    """Secret, sites and query parameters come from INVALIDATION; exit status 1 where they can't be used."""

    help = "Render the configuration of a caching proxy for this project: its tier says the secret, SITES the names."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where what stands; every placeholder of the template may be given besides."""
        parser.add_argument("product", choices=sorted(TEMPLATES))
        parser.add_argument("--output", type=Path, metavar="FILE", help="written for its owner alone; else printed")
        parser.add_argument("--tier", default="", help="its name in TIERS, where several are of this product")
        parser.add_argument(
            "--backend", action="append", metavar="HOST:PORT", help="an application server; 127.0.0.1:8000 by default"
        )
        parser.add_argument("--purge-from", action="append", metavar="ADDRESS", help="of the workers; 127.0.0.1")
        parser.add_argument("--trust", action="append", metavar="ADDRESS", help="of what stands in front; 127.0.0.1")
        parser.add_argument(
            "--probe",
            default="",
            metavar="PATH",
            help="a page that answers 200 while the application is well (Varnish)",
        )
        parser.add_argument(
            "--parameters", action="store_true", help="print only what varnishd must be started with, beside the file"
        )
        parser.add_argument("--values", type=Path, metavar="FILE", help="JSON object of placeholders of the template")

    def handle(self, product: str, *, output: Path | None, **options: Any) -> None:
        """Print it, or write the file and say how it is used."""
        if options["parameters"]:
            self.stdout.write(" ".join(parameters() if product == "varnish" else ()))
            return
        text = self._rendered(product, options)
        if output is None:
            self.stdout.write(text, ending="")
            return
        write_private(output, text)
        self.stderr.write(self._use(product, output))

    def _rendered(self, product: str, options: dict[str, Any]) -> str:
        known = placeholders((FOLDER / TEMPLATES[product]).read_text())
        around = _surroundings(options)
        if unknown := set(around.more) - known:
            raise CommandError(f"Unknown placeholders {sorted(unknown)}; known are {sorted(known)}.")
        try:
            given = values(product, tier_of(product, options["tier"]), around)
            return render(TEMPLATES[product], {name: given.get(name, "") for name in known})
        except (ImproperlyConfigured, ValueError) as error:
            raise CommandError(str(error)) from error

    def _use(self, product: str, output: Path) -> str:
        if product == "varnish":
            return f"Start varnishd with: -f {output} {' '.join(parameters())}"
        return f"Include {output} in the http block of nginx.conf; it needs the module ngx_http_cache_purge."


def _given(options: dict[str, Any]) -> dict[str, Value]:
    file: Path | None = options["values"]
    given: dict[str, Value] = json.loads(file.read_text()) if file else {}
    return given


def _surroundings(options: dict[str, Any]) -> Surroundings:
    return Surroundings(
        backends=tuple(options["backend"] or ()),
        purgers=tuple(options["purge_from"] or (HERE,)),
        trusted=tuple(options["trust"] or (HERE,)),
        probe=options["probe"],
        more=_given(options),
    )
