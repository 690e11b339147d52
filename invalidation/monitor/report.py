"""What one look at every cache found, as frozen values; rates and percentiles are computed here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Counters:
    """What a cache counts about itself; None where its kind doesn't."""

    hits: int | None = None
    misses: int | None = None
    """Both since the server started, over all its clients."""

    entries: int | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    """None for no limit."""

    evictions: int | None = None
    clients: int | None = None


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds of one kind of call."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Server:
    """One Redis or Memcached behind an alias."""

    name: str
    """Host and port; never a password."""

    role: str
    lag_bytes: int | None = None
    """How far a replica is behind its primary."""


@dataclass(frozen=True, slots=True)
class Alias:
    """One entry of CACHES."""

    alias: str
    kind: str
    counters: Counters = field(default_factory=Counters)
    recent_hit_rate: float | None = None
    """Between the last look and this one, without the monitor's own calls; None at the first."""

    latency: Mapping[str, Percentiles] = field(default_factory=dict)
    servers: Sequence[Server] = ()
    problems: Sequence[str] = ()

    @property
    def is_healthy(self) -> bool:
        """Nothing is wrong."""
        return not self.problems

    def document(self) -> dict[str, Any]:
        """JSON form."""
        hit_rate = rate(self.counters.hits, self.counters.misses)
        return {"is_healthy": self.is_healthy, "hit_rate": hit_rate, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Freshness:
    """The sequence and the tag index."""

    is_configured: bool
    sequence: int | None = None
    sequence_age_seconds: float | None = None
    """Since the newest invalidation; None where there was none yet."""

    indexed_urls: int | None = None
    indexed_urls_limit: int | None = None
    indexed_bytes: int | None = None
    indexed_bytes_limit: int | None = None
    degraded_pages: Mapping[str, int] = field(default_factory=dict)
    """By reason, pages that got a short life since the count began; each process adds its own once Redis answers it."""

    eviction_policy: str = ""
    problems: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """JSON form."""
        return {"is_healthy": not self.problems, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Proxy:
    """One Varnish or Nginx."""

    kind: str
    name: str
    requests: int | None = None
    hits: int | None = None
    misses: int | None = None
    recent_hit_rate: float | None = None
    connections: int | None = None
    entries: int | None = None
    evictions: int | None = None
    problems: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """JSON form."""
        return {"is_healthy": not self.problems, "hit_rate": rate(self.hits, self.misses), **asdict(self)}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything."""

    looked_at: str
    """ISO 8601."""

    aliases: Sequence[Alias]
    freshness: Freshness
    proxies: Sequence[Proxy]

    @property
    def problems(self) -> list[str]:
        """Each names the cache it is about."""
        named = [(f"cache {one.alias}", one.problems) for one in self.aliases]
        named += [("freshness", self.freshness.problems), *((f"{p.kind} {p.name}", p.problems) for p in self.proxies)]
        return [f"{name}: {problem}" for name, problems in named for problem in problems]

    @property
    def is_healthy(self) -> bool:
        """Nothing is wrong anywhere."""
        return not self.problems

    def document(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "looked_at": self.looked_at,
            "is_healthy": self.is_healthy,
            "problems": self.problems,
            "caches": [alias.document() for alias in self.aliases],
            "freshness": self.freshness.document(),
            "proxies": [proxy.document() for proxy in self.proxies],
        }


def rate(hits: int | None, misses: int | None) -> float | None:
    """Share of hits, 0 to 1; None where nothing was asked or nobody counts."""
    if hits is None or misses is None or hits + misses <= 0:
        return None
    return hits / (hits + misses)


def rate_since(before: Mapping[str, int] | None, hits: int | None, misses: int | None) -> float | None:
    """Share of hits after `before`; None where a server restarted in between, or nothing was asked."""
    if before is None or hits is None or misses is None:
        return None
    newer_hits, newer_misses = hits - before["hits"], misses - before["misses"]
    return None if newer_hits < 0 or newer_misses < 0 else rate(newer_hits, newer_misses)


def percentiles(milliseconds: Sequence[float]) -> Percentiles:
    """By nearest rank; the list must not be empty."""
    ordered = sorted(milliseconds)

    def ranked(share: int) -> float:
        return round(ordered[max(0, -(-share * len(ordered) // 100) - 1)], 3)

    return Percentiles(ranked(50), ranked(95), ranked(99))
