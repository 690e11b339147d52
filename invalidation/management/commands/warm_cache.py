"""`manage.py warm_cache`: fills every node of every tier with pages before visitors come."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from invalidation import deployment
from invalidation.deployment import urls
from invalidation.exceptions import InvalidTarget
from invalidation.management.output import FAILED, USAGE, add_format, paper, print_fields, print_json, print_table
from invalidation.providers.filling import nodes, served

COLUMNS = ("url", "tier", "node", "error")


class Command(BaseCommand):
    """Exit codes: 0 every node brought every page, 1 one did not, 2 the settings can't be used."""

    help = "Ask every tier node for the critical pages, those of the sitemap, and those that the tag index knows."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which pages, how fast."""
        parser.add_argument(
            "--critical-only", action="store_true", help="Only INVALIDATION['DEPLOY']['CRITICAL_URLS']."
        )
        parser.add_argument("--sitemap", default="/sitemap.xml", metavar="PATH", help="Empty for none.")
        parser.add_argument("--limit", type=int, default=10_000, metavar="PAGES", help="At most so many pages.")
        parser.add_argument("--concurrency", type=int, default=4, metavar="REQUESTS", help="At a time.")
        parser.add_argument("--rate", type=float, default=0.0, metavar="REQUESTS", help="At most a second; 0 for any.")
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Collect, warm, report."""
        if not nodes():
            raise CommandError("No tier can be asked for pages: declare Varnish or Nginx.", returncode=USAGE)
        try:
            wanted, problems = self._wanted(options)
        except InvalidTarget as error:
            raise CommandError(str(error), returncode=USAGE) from error
        with paper().progress("Warming", sum(len(served(node, wanted)) for node in nodes())) as advance:
            warmed = deployment.warm(
                wanted, concurrency=options["concurrency"], per_second=options["rate"], progress=advance
            )
        self._show(warmed, problems, options["format"])
        if warmed.failures or problems:
            lines = [f"{len(warmed.failures)} of {warmed.requests} requests failed.", *problems]
            raise CommandError("\n".join(lines), returncode=FAILED)

    def _wanted(self, options: dict[str, Any]) -> tuple[list[str], list[str]]:
        """Absolute URLs, the critical ones first, and why a sitemap could not be read."""
        wanted, problems = dict.fromkeys(urls.critical()), []
        if not options["critical_only"]:
            for sitemap in urls.sitemaps(options["sitemap"]) if options["sitemap"] else ():
                try:
                    wanted.update(dict.fromkeys(urls.in_sitemap(sitemap)))
                except urls.NoSitemap as error:
                    problems.append(f"The sitemap can't be read: {error}")
            wanted.update(dict.fromkeys(urls.indexed(options["limit"])))
        return list(wanted)[: options["limit"]], problems

    def _show(self, warmed: deployment.Warmed, problems: list[str], style: str) -> None:
        if style == "json":
            print_json(self.stdout, {**warmed.document(), "problems": problems})
            return
        print_fields(self.stdout, {"pages": warmed.urls, "requests": warmed.requests, "seconds": warmed.seconds})
        if warmed.failures:
            rows = [(one.url, one.tier, one.node, one.error) for one in warmed.failures]
            print_table(self.stdout, "Failed", COLUMNS, rows)
