"""The one gate before whatever a person starts: is it wide, so that it must be confirmed and needs a permission?"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from invalidation import conf
from invalidation.pipeline.intake.claim import batched
from invalidation.pipeline.planning.impact import Reach, reach
from invalidation.pipeline.planning.plan import Plan, Step
from invalidation.status.previews import plans
from invalidation.targets.values import Targets

PURGE_WIDE = "invalidation.purge_wide"
PURGE_EVERYTHING = "invalidation.purge_everything"
#: The number of URLs grows while a person reads; one that was typed holds as long as it is about right.
ABOUT = 0.1


@dataclass(frozen=True, slots=True)
class Wide:
    """A purge that must be confirmed: what it reaches, and what a person types to say that this is meant."""

    sentence: str
    phrase: str
    permissions: tuple[str, ...] = (PURGE_WIDE, PURGE_EVERYTHING)
    """Any of these allows it."""

    refusal: str = "You may not purge so many."

    def __str__(self) -> str:
        return self.sentence

    def confirmed(self, typed: str) -> bool:
        """Is this what was asked for?"""
        text = typed.strip().replace(",", "").lower()
        if not self.phrase.isdecimal():
            return text == self.phrase
        if not text.isdecimal() or len(text) > len(self.phrase) + 1:
            return False
        return abs(int(text) - int(self.phrase)) <= ABOUT * int(self.phrase)


def judge(targets: Targets, tiers: Collection[str] | None = None) -> Wide | None:
    """What makes the purge of `targets` wide, as a worker would carry it out now; None where nothing does.

    Closed in doubt: a share that can't be counted is wide. Code is never asked, nor is a batch: see `wide_reach`.
    """
    merged = batched([targets])
    if merged.everything or any(map(is_whole_site, merged.prefixes)):
        return _everything("every copy")
    reached = reach(merged)
    if not reached.counted and conf.settings().limits.wide_share < 1:
        return Wide("a number of URLs that can't be counted while Redis is away", "uncounted")
    return _counted(reached) if reached.is_wide else _planned(merged, tiers, reached.known)


def is_whole_site(prefix: str) -> bool:
    """The root of a site is everything by another name."""
    return urlsplit(prefix).path in ("", "/")


def _everything(sentence: str) -> Wide:
    return Wide(sentence, "everything", (PURGE_EVERYTHING,), "You may not purge everything.")


def _counted(reached: Reach) -> Wide:
    return Wide(str(reached), str(reached.urls))


def _planned(merged: Targets, tiers: Collection[str] | None, known: int) -> Wide | None:
    """The same of the plan: it may empty a product for a dear batch, or take every URL for a tag with too many.

    What a lost tag index owes to whatever purge comes next is shown, but nobody needs leave for it.
    """
    found = dict(plans(merged, tiers)) if merged else {}
    if emptied := sorted(tier for tier, plan in found.items() if _empties(plan)):
        return _everything(f"every copy in {', '.join(emptied)}")
    reached = Reach(max((_urls(plan.steps) for plan in found.values()), default=0), known)
    return _counted(reached) if reached.is_wide else None


def _empties(plan: Plan) -> bool:
    return any(step.verb == "purge_everything" for step in plan.steps)


def _urls(steps: Iterable[Step]) -> int:
    return sum(len(step.items) for step in steps if step.verb == "purge_urls")
