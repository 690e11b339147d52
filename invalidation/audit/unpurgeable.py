"""Which pages no purge can reach. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from invalidation.audit.facts import Page, Reach, Tier, family
from invalidation.audit.findings import Finding, Kind
from invalidation.targets.parameters import Parameters

#: Addresses that a finding shows.
EXAMPLES = 3
SITES = "INVALIDATION['SITES']"
PARAMETERS = "INVALIDATION['PAGES']['QUERY_PARAMETERS']"


@dataclass(frozen=True, slots=True)
class Standard:
    """What pages are held against."""

    sites: tuple[str, ...]
    parameters: Parameters
    is_indexable: Callable[[str], bool]
    reach: Reach


@dataclass(slots=True)
class Group:
    """Pages with the same fault and the same to blame."""

    times: int = 0
    urls: list[str] = field(default_factory=list)
    families: set[str] = field(default_factory=set)

    def add(self, page: Page) -> None:
        """Count a page; the first few are shown."""
        self.times += 1
        if self.times <= EXAMPLES:
            self.urls.append(page.url)
            self.families.update(map(family, sorted(page.tags or ())[:EXAMPLES]))


def judged(pages: Iterable[Page], standard: Standard) -> list[Finding]:
    """A finding for each view, origin or setting with such pages."""
    groups: dict[tuple[Kind, str], Group] = {}
    for page in pages:
        if fault := _fault(page, standard):
            groups.setdefault((fault, _blame(fault, page)), Group()).add(page)
    return [_finding(kind, blame, group) for (kind, blame), group in groups.items()]


def not_given(pages: Iterable[Page], reach: Reach) -> list[str]:
    """Families of tags on pages that other tags reach: nobody gives these."""
    return sorted({family(tag) for page in pages for tag in page.tags or () if not reach.has(tag)})


def without_index(tiers: Iterable[Tier]) -> Iterator[Finding]:
    """Tiers that purge by address alone, where there is no index to name the addresses."""
    for tier in tiers:
        yield Finding(Kind.NO_INDEX, tier.name, f"INVALIDATION['TIERS'][{tier.name!r}], INVALIDATION['REDIS_URL']")


def _fault(page: Page, standard: Standard) -> Kind | None:
    if page.origin not in standard.sites:
        return Kind.FOREIGN_HOST
    if not standard.parameters.know(page.target):
        return Kind.UNDECLARED_PARAMETERS
    if not standard.is_indexable(page.url):
        return Kind.ADDRESS
    if page.tags is None or _is_named(page, standard.reach):
        return None
    if page.tags:
        return None if any(map(standard.reach.has, page.tags)) else Kind.TAGS_NOT_GIVEN
    return None if page.url.startswith(standard.reach.deployed or ("\0",)) else Kind.UNTAGGED


def _is_named(page: Page, reach: Reach) -> bool:
    return page.url in reach.urls or page.route in reach.routes or page.url.startswith(reach.prefixes or ("\0",))


def _blame(kind: Kind, page: Page) -> str:
    """The setting, or the view; and who lists the page."""
    names = {
        Kind.FOREIGN_HOST: f"{SITES} has no {page.origin or 'such origin'}",
        Kind.UNDECLARED_PARAMETERS: f"{PARAMETERS}; {page.view}",
    }
    listed = f", listed by {page.listed_by}" if page.listed_by else ""
    return names.get(kind, page.view) + listed


def _finding(kind: Kind, blame: str, group: Group) -> Finding:
    tags = f"Tags: {', '.join(sorted(group.families))}. " if kind is Kind.TAGS_NOT_GIVEN else ""
    more = f"Also {' '.join(group.urls[1:])}" if group.urls[1:] else ""
    return Finding(kind, group.urls[0], blame, group.times, (tags + more).strip())
