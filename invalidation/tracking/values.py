"""What a page that shows a cached value depends on: what was read for it, or the tags that it was stored with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from invalidation import conf, lazy
from invalidation.tracking import clock, collector, outcome
from invalidation.tracking.collector import Origin, Readings

Value = TypeVar("Value")

#: As it is stored with a value.
Page = Mapping[str, Sequence[str]]
_install = lazy.call("invalidation.tracking.hooks.install")


def note_found(stamped: Iterable[Iterable[str]], page: Page | None) -> None:
    """A value is used that is stamped with these tags; what was said of it when it was stored counts for more."""
    readings = collector.current()
    if readings is None:
        return
    found = page or {"tags": (), "by_hand": [tag for stamps in stamped for tag in stamps], "untagged": ()}
    readings.tags.update(found["tags"])
    readings.by_hand.update(found["by_hand"])
    readings.name(found["untagged"])
    if readings.explains:
        readings.explain(Origin("a cached value", tags=tuple(sorted({*found["tags"], *found["by_hand"]}))))


def note_computed(tags: Iterable[str]) -> None:
    """A value with these tags, named by whoever stores it, was computed."""
    readings = collector.current()
    if readings is not None:
        readings.by_hand.update(tags)
        readings.explain(Origin("a computed value", tags=tuple(sorted(tags))))


def followed(compute: Callable[[], Value], note: Callable[[Iterable[str]], None]) -> Callable[[], Value]:
    """The same computation; the tags of what it reads are told to `note`, where automatic tags are on."""
    if not conf.settings().pages.automatic_tags:
        return compute

    def computed() -> Value:
        _install()
        with collector.within(_begun()) as readings:
            value = compute()
        note(outcome.tags_of(readings))
        return value

    return computed


def _begun() -> Readings:
    """Empty ones. What the page around has asked the clock for counts as the present here too."""
    outer = collector.current()
    return Readings(clock.spelled_now()) if outer is None else Readings(outer.begun_at, outer.explains)


def page_of(readings: Readings | None, named: Iterable[str]) -> Page | None:
    """To be stored with a value: what was read for it, and the tags that were named for it."""
    if readings is None:
        return None
    return {
        "tags": sorted(outcome.automatic_tags(readings)),
        "by_hand": sorted(readings.by_hand.union(named)),
        "untagged": sorted(outcome.untagged_in(readings)),
    }
