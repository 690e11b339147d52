"""The whole audit: reads what is asked for, has it judged, and says what could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from invalidation import conf
from invalidation.audit import dead_tags, given, history, known_pages, listed, unpurgeable
from invalidation.audit.changes import recorder, records, unrecorded
from invalidation.audit.facts import Change, Page, Reach, Tier
from invalidation.audit.findings import Finding, Report, without_accepted
from invalidation.audit.known_pages import Known
from invalidation.conf.backends import away
from invalidation.freshness import index
from invalidation.freshness.clients import UNAVAILABLE, patient_binary_client
from invalidation.providers.registry import provider
from invalidation.targets import sites

TAGS, PAGES, CHANGES = "tags", "pages", "changes"
PARTS = (TAGS, PAGES, CHANGES)
NOT_INSTALLED = "changes are not held against events before `invalidation_audit --install` (PostgreSQL)"
NO_REDIS = "without INVALIDATION['REDIS_URL'] there is no tag index"
#: Families of tags that one note names.
MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be looked at, and how much of it."""

    parts: frozenset[str] = frozenset(PARTS)
    since: timedelta = timedelta(days=7)
    """How far back events and changes are looked at."""

    limit: int = 20_000
    """Most pages, and most events of each outbox."""

    sitemap: str = ""
    """Path of a sitemap whose pages are looked at too; empty for none."""

    accepted: tuple[str, ...] = ()
    """Patterns of subjects that somebody has seen to."""

    insists: bool = False
    """Is a part that can't be looked at worth more than a note?"""

    settle: timedelta = timedelta(seconds=10)
    """Changes that are newer are left for the next time: their events may be on their way."""

    kept: timedelta = timedelta(days=1)
    """Notes of changes that are older are removed after they were looked at."""


@dataclass
class Audit:
    """One audit under way: what is read, is read once."""

    question: Question
    findings: list[Finding] = field(default_factory=list)
    looked_at: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    not_held: list[str] = field(default_factory=list)

    @cached_property
    def index(self) -> Known | None:
        """What the tag index knows; None where there is none, or it can't be read."""
        server = patient_binary_client()
        if server is None:
            self.not_held.append(f"tags and pages: {NO_REDIS}")
            return None
        try:
            known = known_pages.known(server, self.question.limit)
        except UNAVAILABLE as error:
            self.not_held.append(f"tags and pages: the tag index can't be read: {type(error).__name__}: {error}")
            return None
        self._tell(known)
        return known

    @cached_property
    def given(self) -> given.Collected:
        """What rules and settings give."""
        collected = given.collect()
        self.notes += collected.notes
        return collected

    @cached_property
    def history(self) -> history.History:
        """What events named."""
        found = history.read(timezone.now() - self.question.since, self.question.limit)
        self.looked_at["events"] = found.events
        if found.events >= self.question.limit or not found.is_whole:
            self.notes.append(f"Of the events only the newest {found.events} were looked at.")
        if found.unreadable:
            self.notes.append(f"{found.unreadable} events can't be read, and were left out.")
        return found

    def _tell(self, known: Known) -> None:
        self.looked_at["pages"] = len(known.pages)
        if known.of > len(known.pages) + known.unreadable:
            self.notes.append(f"{len(known.pages)} of {known.of} pages of the tag index were looked at: raise --limit.")
        if known.unreadable:
            self.notes.append(f"{known.unreadable} entries of the tag index can't be read, and were left out.")

    def tags(self) -> None:
        """Which tags nothing carries."""
        known = self.index
        if known is None:
            return
        if not known.of:
            self.not_held.append("tags: the tag index knows no page; visit the site, or warm_cache, first")
            return
        if not known.is_whole:
            self.not_held.append("tags: Redis has too many other keys to look for those of tags: raise --limit")
            return
        purged, carried = self.history.purged(), known.families
        try:
            carried |= known_pages.in_values(dead_tags.examples(self.given.given, purged, carried))
        except away() as error:
            self.not_held.append(f"tags: a cache of values can't be read: {type(error).__name__}: {error}")
            return
        self.findings += dead_tags.judged(self.given.given, purged, carried)

    def pages(self) -> None:
        """Which pages no purge reaches."""
        known = self.index
        if known is None and not patient_binary_client():
            self.findings += unpurgeable.without_index(_dependent())
        pages = [*(known.pages if known else ()), *self._listed({page.url for page in (known.pages if known else ())})]
        reach, settings = self._reach(), conf.settings()
        standard = unpurgeable.Standard(settings.sites, settings.pages.query_parameters, index.is_indexable, reach)
        self.findings += unpurgeable.judged(pages, standard)
        if orphans := unpurgeable.not_given(pages, reach):
            more = f" and {len(orphans) - MOST_NAMED} more" if len(orphans) > MOST_NAMED else ""
            self.notes.append(f"On pages, but given by nobody: {', '.join(orphans[:MOST_NAMED])}{more}.")

    def changes(self) -> None:
        """Which changes no event tells of."""
        try:
            noted = [connection for connection in recorder.auditable() if recorder.is_installed(connection)]
            if noted:
                self._hold(noted)
            else:
                (self.not_held if self.question.insists else self.notes).append(NOT_INSTALLED)
        except DatabaseError as error:
            self.not_held.append(f"changes: the notes can't be read: {error}")

    def _hold(self, noted: Sequence[BaseDatabaseWrapper]) -> None:
        asked, changes = self.question, list[Change]()
        for connection in noted:
            found = records.changes(connection, asked.since, asked.settle, asked.limit)
            self._tell_changes(connection, found)
            changes += found.changes
        wanted = frozenset(tag for change in changes for tag in change.expected)
        events = (event for one in noted for event in records.events(one, asked.since, wanted))
        self.findings += unrecorded.judged(changes, events)
        self.looked_at["changes"] = len(changes)
        for connection in noted:
            records.forget(connection, asked.kept)

    def _tell_changes(self, connection: BaseDatabaseWrapper, found: records.Changes) -> None:
        if found.is_full:
            self.not_held.append(f"changes: the notes of {connection.alias} were full; run the audit more often")
        if not found.is_whole:
            self.notes.append(f"Of the changes only the newest {len(found.changes)} were looked at: raise --limit.")
        if found.unknown:
            self.notes.append(f"{found.unknown} changes were of rows of which nobody can tell who saw them.")
        if tables := recorder.outdated(connection):
            self.notes.append(f"Not watched as the rules are by now, so --install again: {', '.join(tables)}.")

    def _listed(self, known: set[str]) -> list[Page]:
        linked, problems = listed.in_sitemap(self.question.sitemap, self.question.limit)
        self.not_held += problems
        pages = {page.url: page for page in (*linked, *listed.in_settings()) if page.url not in known}
        self.looked_at["listed"] = len(pages)
        if pages:
            self.notes.append(
                f"{len(pages)} listed pages are not in the tag index, so their tags are not known: warm_cache first."
            )
        return list(pages.values())

    def _reach(self) -> Reach:
        declared, known = self.given, conf.settings().sites
        urls = sites.expand_known(declared.urls | self.history.urls, known)
        prefixes = sites.expand_known(declared.prefixes | self.history.prefixes, known)
        own = {one.family for one in declared.given}
        routes = {known_pages.page(url).route for url in urls}
        return Reach(
            families=frozenset(own | self.history.families.keys()),
            models=frozenset(one.family for one in declared.given if one.is_model),
            routes=frozenset(route for route in routes if route is not None),
            urls=frozenset(urls),
            prefixes=tuple(prefix for prefix in prefixes if not _is_site(prefix)),
            deployed=tuple(sites.expand_known(conf.settings().deploy.prefixes, known)),
        )


def _is_site(prefix: str) -> bool:
    return prefix.rstrip("/") in conf.settings().sites


def _dependent() -> Iterable[Tier]:
    """Tiers that find what carries a tag through the index alone."""
    tiers = conf.settings().tiers.values()
    products = [provider(tier.name, tier.nodes[0]) for tier in tiers]
    return [Tier(one.tier) for one in products if one.holds_responses and not one.supports_tags]


def examine(question: Question) -> Report:
    """Look at the parts that are asked for. Reads in portions, and writes nothing but which tags it has seen."""
    audit = Audit(question)
    parts: dict[str, Callable[[], None]] = {TAGS: audit.tags, PAGES: audit.pages, CHANGES: audit.changes}
    for name, look in parts.items():
        if name in question.parts:
            look()
    findings, accepted = without_accepted(audit.findings, question.accepted)
    return Report(timezone.now(), tuple(findings), audit.looked_at, tuple(audit.notes), tuple(audit.not_held), accepted)
