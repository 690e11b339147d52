"""`manage.py why URL`: what each node has of a page, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from invalidation import conf
from invalidation.exceptions import InvalidTarget
from invalidation.management.output import (
    FAILED,
    USAGE,
    add_format,
    print_fields,
    print_json,
    print_notes,
    print_table,
)
from invalidation.status import reads, why, words

#: Narrow enough for 80 columns; the reasons stand below, a line for each.
COLUMNS = ("tier and node", "answer", "age in s", "reason")


class Command(BaseCommand):
    """Exit codes: 0 no copy is old, 1 some copy is, 2 the address can't be used."""

    help = "Ask every node for a page, as a visitor would, and say why its copy is as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        """An address, and which outbox is looked at."""
        parser.add_argument("url", help="A path, which stands for the page on every site, or an absolute URL.")
        parser.add_argument(
            "--reads",
            action="store_true",
            help="Instead of asking the nodes render the page in this process, and say which query gave which tag.",
        )
        parser.add_argument("--database", default="", help="The outbox with its purges (default: the first).")
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one document for each site."""
        known = conf.settings().databases
        database = options["database"] or known[0]
        if database not in known:
            raise CommandError(f"{database!r} has no outbox; use one of {', '.join(known)}.", returncode=USAGE)
        try:
            addresses = why.addresses(options["url"])
        except InvalidTarget as error:
            raise CommandError(str(error), returncode=USAGE) from error
        if options["reads"]:
            self._show_reads([reads.explain(url) for url in addresses], options["format"])
            return
        found = [why.explain(url, database) for url in addresses]
        if options["format"] == "json":
            print_json(self.stdout, [*found])
        else:
            for document in found:
                self._show(document)
        if why.is_any_stale(found):
            raise CommandError("A copy is older than the last purge.", returncode=FAILED)

    def _show_reads(self, documents: list[reads.ReadsDocument], form: str) -> None:
        if form == "json":
            print_json(self.stdout, [*documents])
            return
        for document in documents:
            listed = {"by_hand": " ".join(document["by_hand"]), "untagged": "\n".join(document["untagged"])}
            print_fields(self.stdout, {"url": document["url"], "status": document["status_code"], **listed})
            rows = [[" ".join(read["tags"]) or "-", read["what"]] for read in document["reads"]]
            print_table(self.stdout, "Reads", ("tags", "what"), rows)

    def _show(self, document: why.WhyDocument) -> None:
        fields = {"url": document["url"], "tags": " ".join(document["tags"]), "rendered at": document["rendered_at"]}
        fields |= {"next change at": document["next_change_at"], "pending": document["pending"]}
        print_fields(
            self.stdout, {**fields, "last purge": _purge_line(document), "note": " ".join(document["remarks"])}
        )
        print_table(self.stdout, "Copies", COLUMNS, map(_row, document["copies"]))
        print_notes(self.stdout, {_place(copy): _told(copy) for copy in document["copies"]})


def _purge_line(document: why.WhyDocument) -> str:
    """When, how it meant the page, and whose it was."""
    purge = document["last_purge"]
    if purge is None:
        return "none that is known"
    who = " ".join(filter(None, (purge["source"], purge["actor"])))
    cause = f"{who}: {purge['reason']}" if purge["reason"] else who
    how = f"{purge['status']}, {purge['mode']} by {purge['named_by']}"
    return f"{purge['purged_at']} {how}, event {purge['event']}, {cause}"


def _row(copy: why.CopyDocument) -> Sequence[Any]:
    answer = f"{copy['status_code'] or ''} {copy['cache_status']}".strip()
    return _place(copy), answer, copy["age_seconds"], copy["code"]


def _place(copy: why.CopyDocument) -> str:
    variant = f" {copy['variant']}" if copy["variant"] else ""
    return words.place(copy["tier"], copy["node"]) + variant


def _told(copy: why.CopyDocument) -> str:
    return f"{copy['reason'].rstrip('.')}. {copy['remedy']}".rstrip()
