"""What is mutated, part by part, and the tests that are asked about each: what is about it, not all that touches it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """Modules that the same tests hold; paths from the root of the repository."""

    name: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    functions: tuple[str, ...] = ()
    """Those that are mutated, where the others of the modules are not what the tests are about; none for all."""

    def sources_below(self, wanted: str) -> tuple[str, ...]:
        """Those that a path or the part's own name stands for."""
        if wanted == self.name:
            return self.sources
        return tuple(
            source for source in self.sources if source == wanted or source.startswith(f"{wanted.rstrip('/')}/")
        )


def _modules(folder: str, names: str) -> tuple[str, ...]:
    return tuple(f"invalidation/{folder}/{name}.py" for name in names.split())


def _emission(names: str) -> tuple[str, ...]:
    return tuple(f"tests/unit/emission/test_{name}.py" for name in names.split())


PARTS = (
    Part(
        "targets",
        _modules("targets", "coalesce digits parameters sites values variants"),
        (
            "tests/unit/targets",
            "tests/unit/pipeline/test_pure.py",
            "tests/unit/pipeline/test_plan.py",
        ),
    ),
    Part(
        "planning",
        _modules("pipeline/planning", "escalate plan widen"),
        (
            "tests/unit/pipeline/test_steps.py",
            "tests/unit/pipeline/test_widening.py",
            "tests/unit/pipeline/test_plan.py",
            "tests/unit/pipeline/test_pure.py",
        ),
    ),
    Part(
        "decisions",
        (
            *_modules("pipeline", "outcome"),
            *_modules("pipeline/delivery", "backoff idempotency_key slowness"),
            "invalidation/conf/graph.py",
            "invalidation/rows/states.py",
        ),
        ("tests/unit/pipeline/test_decisions.py", "tests/unit/pipeline/test_pure.py"),
    ),
    Part(
        "repeating",
        _modules("pipeline", "repeat"),
        ("tests/unit/pipeline/test_decisions.py", "tests/unit/pipeline/test_repeats.py"),
    ),
    Part(
        "ending",
        _modules("pipeline", "completion rebound_schedule"),
        ("tests/unit/pipeline/test_completion.py",),
    ),
    Part(
        "reaching",
        _modules("pipeline/planning", "impact resolve index_coverage"),
        ("tests/integration/freshness/test_planning.py", "tests/integration/freshness/test_reach.py"),
    ),
    Part(
        "pure_parts",
        (
            *_modules("pipeline/delivery", "lease"),
            *_modules("pipeline/intake", "backpressure claim unreadable"),
            *_modules("pipeline/aftercare", "rebound sample verify"),
        ),
        (
            "tests/unit/pipeline/test_lease.py",
            "tests/unit/pipeline/test_aftercare.py",
            "tests/unit/pipeline/test_pure.py",
            "tests/unit/pipeline/test_claim.py",
            "tests/unit/pipeline/test_unreadable.py",
        ),
        functions=(
            *("due", "budget", "ended"),
            *("level", "depths", "_alike", "_fitting", "batched", "_read"),
            *("proved", "remaining", "_as_thorough", "_without", "_groups"),
            *("seconds", "percentiles", "succeeded", "is_answer", "is_stale"),
        ),
    ),
    Part("rules", _modules("emission", "rules registry"), _emission("rules")),
    Part("asking", _modules("emission", "evaluation"), _emission("asking failing_rules complaints comparing")),
    Part("collecting", _modules("emission", "emit suspension"), _emission("collecting suspension")),
    Part("history", _modules("emission/rows", "history loading columns"), _emission("history loading")),
    Part("wording", _modules("emission/rows", "conflicts wording"), _emission("conflicts wording")),
    Part("asked_for", _modules("emission", "api"), _emission("asked_for invalidate instants")),
    Part("instants", _modules("emission", "instants"), _emission("due instants asked_for receiving")),
    Part(
        "saving",
        _modules("emission", "receivers uploads"),
        _emission("writes files wording due comparing receiving joining relations"),
    ),
    Part("joining", _modules("emission", "relations leaving"), _emission("relations roles leaving joining elsewhere")),
    Part("moving", _modules("emission", "before"), _emission("moving comparing trees adoption")),
    Part("bulk", ("invalidation/managers.py",), _emission("bulk elsewhere comparing instants files")),
)


def selected(wanted: Iterable[str]) -> Iterator[tuple[Part, tuple[str, ...]]]:
    """Each part with those of its modules that the names or paths stand for; all of all for none.

    Raises:
        ValueError: one stands for none.
    """
    names = list(wanted)
    if unknown := [name for name in names if not any(part.sources_below(name) for part in PARTS)]:
        raise ValueError(f"{', '.join(unknown)}: no part and no module of one; see {__name__}.")
    for part in PARTS:
        sources = dict.fromkeys(source for name in names or [part.name] for source in part.sources_below(name))
        if sources:
            yield part, tuple(sources)
