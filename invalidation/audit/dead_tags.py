"""Which tags are given or purged though nothing carries them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from invalidation.audit.facts import Given, Purged, with_models
from invalidation.audit.findings import Finding, Kind


def judged(given: Iterable[Given], purged: Mapping[str, Purged], carried: Collection[str]) -> Iterator[Finding]:
    """A finding for each family that no page or value carries; one that is given is blamed on who gives it."""
    known, seen = with_models(carried), dict[str, Given]()
    for one in given:
        if one.family not in (known if one.is_model else carried) and one.family not in seen:
            yield _given(one, purged)
        seen.setdefault(one.family, one)
    for family, last in sorted(purged.items()):
        if family not in carried and not _is_given(family, seen):
            yield _purged(last)


def _is_given(family: str, given: Mapping[str, Given]) -> bool:
    """As it is, or as a part of a model."""
    return any(name in given and (name == family or given[name].is_model) for name in with_models([family]))


def examples(given: Iterable[Given], purged: Mapping[str, Purged], carried: Collection[str]) -> Iterator[str]:
    """Whole tags of the families that no page carries: a cached value may."""
    known = with_models(carried)
    everything: list[Given | Purged] = [*given, *purged.values()]
    for one in everything:
        if one.family not in known:
            yield from (one.family, *one.examples)


def _given(one: Given, purged: Mapping[str, Purged]) -> Finding:
    times = sum(known.times for family, known in purged.items() if one.family in with_models([family]))
    subject = f"{one.family}:…" if one.is_model else one.family
    return Finding(Kind.DEAD_TAG, subject, one.owner, times, f"Events that name it: {times}.")


def _purged(one: Purged) -> Finding:
    shown = f"Such as {one.examples[0]}. " if one.examples and one.examples[0] != one.family else ""
    detail = f"{shown}Events that name it: {one.times}, the newest at {one.newest_at.isoformat(timespec='seconds')}."
    return Finding(Kind.DEAD_TAG, one.family, one.by, one.times, detail)
