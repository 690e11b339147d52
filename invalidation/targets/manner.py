"""How an invalidation is made: how urgently, and what is to become of the copies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.db.models import TextChoices

from invalidation.exceptions import InvalidTarget
from invalidation.targets.values import Lane, most_urgent


class Mode(TextChoices):
    """What a purge means by going; the least thorough first."""

    INVALIDATE = "invalidate"  # the outermost tier may show the old copy once more, while it fetches a new one
    DELETE = "delete"  # copies are gone, and whoever asks next waits for a new one
    REFRESH = "refresh"  # they are gone, and what was there is fetched again before a visitor asks


_THOROUGHNESS = {mode: place for place, mode in enumerate(Mode.values)}


class Manner(NamedTuple):
    """The lane and the mode of an event."""

    lane: str = Lane.EDITORIAL
    mode: str = Mode.DELETE

    def check(self) -> None:
        """Raise InvalidTarget where the two contradict each other, or one is unknown."""
        for value, known in ((self.lane, Lane), (self.mode, Mode)):
            if value not in known.values:
                raise InvalidTarget(
                    f"{value!r} is not a {known.__name__.lower()}; use one of {', '.join(known.values)}."
                )
        if (self.lane, self.mode) == (Lane.TAKEDOWN, Mode.INVALIDATE):
            raise InvalidTarget(
                'A takedown can\'t be mode="invalidate", which shows the old copy once more; leave the mode out.'
            )


def joined(manners: Iterable[tuple[str, str]], default: Manner = Manner()) -> Manner:  # noqa: B008 (frozen)
    """The manner that does for all: the most urgent lane, the most thorough mode; `default` for none. Pure."""
    known = list(manners)
    if not known:
        return default
    lane = most_urgent((lane for lane, _ in known), default.lane)
    mode = max((mode for _, mode in known), key=lambda mode: _THOROUGHNESS[mode])
    return Manner(lane, Mode.DELETE if (lane, mode) == (Lane.TAKEDOWN, Mode.INVALIDATE) else mode)
