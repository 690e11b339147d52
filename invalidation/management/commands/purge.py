"""`manage.py purge`: enqueues one purge by hand, now or for later; shows its plan, waits for its end, withdraws it."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

import invalidation
from invalidation import conf
from invalidation.emission.api import check, stored
from invalidation.exceptions import InvalidTarget
from invalidation.management.account import account
from invalidation.management.display import show_event, show_plan, show_scheduled
from invalidation.management.instants import instant
from invalidation.management.output import FAILED, UNFINISHED, USAGE, add_format
from invalidation.models import Event, EventStatus
from invalidation.pipeline.aftercare import verify
from invalidation.pipeline.withdrawal import NotWithdrawn, withdraw
from invalidation.status import documents, scheduled
from invalidation.status.forecast import forecast
from invalidation.status.gate import judge
from invalidation.targets.values import Lane, Mode, Source, Targets

#: Options that may be repeated, and the argument of `invalidate` each of them fills.
KINDS = {"tag": "tags", "url": "urls", "prefix": "prefixes", "key": "keys"}
#: Most URLs that --verify asks for, and most purges that --scheduled lists.
PROVED_URLS, LISTED = 20, 1000
HELP = {
    "tag": "A tag, such as blog.post:42.",
    "url": "A path or absolute URL of a configured site.",
    "prefix": "A path or absolute URL; everything below it.",
    "key": "A key of the default Django cache.",
}


def seconds(text: str) -> float:
    """A duration that is not negative."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


class Command(BaseCommand):
    """Exit codes: 0 done (or enqueued, without --wait), 1 failed or too late, 2 usage, 3 not finished in time."""

    help = "Purge tags, URLs, prefixes, cache keys or everything from every tier."

    def add_arguments(self, parser: CommandParser) -> None:
        """The options of the design."""
        for option, name in KINDS.items():
            parser.add_argument(
                f"--{option}", dest=name, metavar=option.upper(), action="append", default=[], help=HELP[option]
            )
        parser.add_argument("--everything", action="store_true", help="Every copy in every tier.")
        parser.add_argument("--tier", dest="tiers", metavar="TIER", action="append", help="Only this tier; repeatable.")
        parser.add_argument("--lane", choices=Lane.values, default=Lane.EDITORIAL.value, help="Priority.")
        parser.add_argument(
            "--mode", choices=Mode.values, help="What becomes of the copies; without it what the lane's are."
        )
        parser.add_argument("--reason", default="", help="Why, for those who read the history.")
        parser.add_argument(
            "--at",
            metavar="INSTANT",
            type=instant,
            help="Not before then: 2026-12-24T08:00+01:00, or +2h for in two hours (s, m, h, d).",
        )
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument("--scheduled", action="store_true", help="List the purges that are asked for later.")
        instead.add_argument("--withdraw", metavar="ID", help="Take back one of these before its time has come.")
        parser.add_argument("--wait", type=seconds, metavar="SECONDS", help="Wait for the end, at most this long.")
        parser.add_argument(
            "--verify", action="store_true", help="With --wait: ask every node for the pages, and fail if one is stale."
        )
        parser.add_argument(
            "--confirm-wide", action="store_true", help="Yes, purge everything, or a large share of all known URLs."
        )
        parser.add_argument("--dry-run", action="store_true", help="Show the plan; purge nothing.")
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Plan, or enqueue and follow; or look at what is scheduled."""
        if sentence := contradiction(options):
            raise CommandError(sentence, returncode=USAGE)
        if options["scheduled"]:
            show_scheduled(self.stdout, map(documents.document, scheduled.soonest(LISTED)), options["format"])
        elif options["withdraw"]:
            self.withdraw(options["withdraw"], options["format"])
        else:
            self.purge(options)

    def purge(self, options: dict[str, Any]) -> None:
        """Or say what it would do."""
        try:
            targets = asked(options)
            if options["dry_run"]:
                show_plan(self.stdout, forecast(targets, options["tiers"]).document(), options["format"])
                return
            if not options["confirm_wide"] and (wide := judge(targets, options["tiers"])):
                raise CommandError(f"This reaches {wide}; add --confirm-wide if that is meant.", returncode=USAGE)
            event = enqueue(options)
        except InvalidTarget as error:
            raise CommandError(str(error), returncode=USAGE) from error
        self.follow(event, options["wait"], options["format"], verified=options["verify"])

    def withdraw(self, identifier: str, style: str) -> None:
        """Take it back, and say what it was."""
        try:
            event = documents.find(identifier)
            withdraw(event._state.db or "default", event.uid, actor=account())
        except Event.DoesNotExist as error:
            raise CommandError(str(error), returncode=USAGE) from error
        except NotWithdrawn as error:
            raise CommandError(f"Purge {event.uid} is not withdrawn. {error}", returncode=FAILED) from error
        event.status = scheduled.WITHDRAWN
        show_event(self.stdout, documents.document(event), style)

    def follow(self, event: Event, wait_seconds: float | None, style: str, *, verified: bool = False) -> None:
        """Print the event's document, at its end where it is waited for; the exit code tells how it ended."""
        database = conf.settings().databases[0]
        end = None if wait_seconds is None else documents.wait(event.uid, database, wait_seconds)
        unproved = prove(event, database) if verified and end == EventStatus.DONE else ""
        show_event(self.stdout, documents.document(documents.find(event.uid)), style)
        if end == EventStatus.DEAD:
            raise CommandError(f"Purge {event.uid} failed; the deliveries above say where and why.", returncode=FAILED)
        if end is not None and end not in documents.FINAL:
            raise CommandError(f"Purge {event.uid} is not finished after {wait_seconds:g} s.", returncode=UNFINISHED)
        if unproved:
            raise CommandError(f"{unproved}; see above.", returncode=FAILED)


def prove(event: Event, database: str) -> str:
    """Ask every node for what the event purged; how many answers are stale, or "" where all are fresh."""
    event.refresh_from_db(using=database)
    if event.batch is None:
        return ""
    rows = verify.check(database, event.batch, verify.sample(event.batch, PROVED_URLS))
    stale, unasked = sum(row.stale for row in rows), sum(bool(row.error) for row in rows)
    counts = {f"{stale} answers are from before the purge": stale, f"{unasked} could not be asked": unasked}
    return ", ".join(sentence for sentence, number in counts.items() if number)


def contradiction(options: dict[str, Any]) -> str:
    """What one option makes of another, in a sentence; "" for nothing."""
    if options["scheduled"] or options["withdraw"] is not None:
        others = (*KINDS.values(), "everything", "at", "wait", "dry_run", "verify")
        if any(options[name] not in (None, False, []) for name in others):
            return "--scheduled and --withdraw ID purge nothing; leave the other options out."
    if options["verify"] and options["wait"] is None:
        return "--verify looks at the end of a purge; add --wait SECONDS."
    if options["at"] and options["wait"] is not None:
        return "--wait follows a purge to its end, and what is asked for later has not begun; leave one of them out."
    return ""


def asked(options: dict[str, Any]) -> Targets:
    """What the command line asks for, checked as `invalidate` checks it."""
    targets = Targets.of(everything=options["everything"], **{name: options[name] for name in KINDS.values()})
    check(targets, options["tiers"])
    conf.settings().manner(options["lane"], options["mode"]).check()
    return targets


def enqueue(options: dict[str, Any]) -> Event:
    """Store the event; its source is the command line, its actor the account that runs it."""
    names = (*KINDS.values(), "everything", "tiers", "lane", "mode", "reason", "at")
    asked_for = {name: options[name] for name in names}
    using = conf.settings().databases[0]
    return stored(invalidation.invalidate(**asked_for, using=using, source=Source.COMMAND, actor=account()))
