"""What a page that shows a cached value depends on: what was read for it, or the tags that it was stored with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from invalidation.tracking import collector, outcome
from invalidation.tracking.collector import Origin, Readings

#: As it is stored with a value.
Page = Mapping[str, Sequence[str]]


def note_found(stamped: Iterable[Iterable[str]], page: Page | None) -> None:
    """A value is used that is stamped with these tags; what was said of it when it was stored counts for more."""
    readings = collector.current()
    if readings is None:
        return
    tags = [tag for stamps in stamped for tag in stamps] if page is None else page["tags"]
    readings.tags.update(tags)
    readings.name(() if page is None else page["untagged"])
    readings.explain(Origin("a cached value", tags=tuple(sorted(tags))))


def note_computed(tags: Iterable[str]) -> None:
    """A value with these tags, named by whoever stores it, was computed."""
    readings = collector.current()
    if readings is not None:
        readings.tags.update(tags)
        readings.explain(Origin("a computed value", tags=tuple(sorted(tags))))


def page_of(readings: Readings | None, named: Iterable[str]) -> Page | None:
    """To be stored with a value: what was read for it, and the tags that were named for it."""
    if readings is None:
        return None
    tags = outcome.tags_of(readings).union(named)
    return {"tags": sorted(tags), "untagged": sorted(outcome.untagged_in(readings))}
