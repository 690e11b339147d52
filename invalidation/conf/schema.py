"""Every setting as a frozen value: its name with its unit, its default, and what it is for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from invalidation.conf.lifetimes import PolicyRule
from invalidation.targets.parameters import Parameters
from invalidation.targets.values import Lane, Manner, Mode


@dataclass(frozen=True, slots=True)
class Tier:
    """One cache layer: which product, which caches it fills from, which nodes it has."""

    name: str
    provider: str
    fills_from: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ("",)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Handed to the provider; may hold secrets, hence never shown."""

    rebound_seconds: float | None = None
    """When to purge it again; None for the longest render plus the replica lag, 0 for never."""

    sites: tuple[str, ...] = ()
    """Those of the sites that it serves, so that it is purged for no other; empty for all."""

    mode: str = ""
    """What a purge of it means by going, whatever its event says; empty for what that says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What is sent with a page, and what a path stands for."""

    policy: tuple[PolicyRule, ...] = ()
    """Rules of CachePolicyMiddleware, the first that matches counts: `PATHS` or `VIEWS`, and the headers they get."""

    query_parameters: Parameters = Parameters()  # noqa: RUF009 (frozen)
    """Names of the query parameters that a page depends on: a list, or one for each pattern of paths. The proxies
    remove others; a page that was asked for with one has a short life. Without it every parameter counts."""

    release: str = ""
    """Name of the deployed code; part of every ETag of `conditional`, because a new template makes a new page."""

    degraded_ttl_seconds: int = 10
    """Shared lifetime of a response rendered while the freshness Redis was away."""

    automatic_tags: bool = False
    """Do the rows and lists that a page reads through the ORM while it renders become its tags?"""

    untagged_ttl_seconds: int = 60
    """Shared lifetime of a page that read what no tag stands for: raw SQL, a model that isn't registered, the clock."""

    explain_tags: bool = False
    """Does each page say in `X-Cache-Reads` which statement gave which tag? Not for the public: it shows the SQL."""

    language_prefixes: tuple[str, ...] = ()
    """First folders such as `de`: a path stands for the page in each of these languages, and for the one without."""

    trailing_slash_twins: bool = False
    """Does a path stand for the one with and the one without a slash at its end?"""

    query_variants: tuple[str, ...] = ()
    """Query strings such as `print=1`: a path without a query stands for itself with each of these too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """What keeps old pages out of caches."""

    transfer_seconds: float = 0.1
    """An answer is no longer on its way than this from the application to a cache, or from one to the next; each is
    purged again after it, before an event is done. 0: leave that to the rebound."""

    replica_lag_seconds: float = 0.0
    """Longest lag of a database replica that pages are rendered from."""

    redis_timeout_seconds: float = 0.25
    """Bound on one call to the Redis of `REDIS_URL` from a web request."""

    redis_pause_seconds: float = 2.0
    """After that Redis failed twice, how long only a thread in the background asks it; pages have a short life then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The tag index: which pages carry which tags, for proxies and CDNs that can't purge by tag."""

    ttl_seconds: int = 86_400
    """The tag index forgets a URL this long after its last render; at least the longest shared lifetime."""

    max_urls_per_tag: int = 10_000
    """Above this the tag overflows, and its purge widens to everything on tiers without tags."""

    max_urls: int = 1_000_000
    """Most URLs in the whole tag index; above this a tier that depends on it keeps new pages for a short time only."""

    max_bytes: int = 268_435_456
    """Most bytes that the tag index may take in Redis; above this the same as above `MAX_URLS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How events merge into batches, and what happens when many are pending."""

    claim_limit: int = 500
    """Most events merged into one batch."""

    batch_targets_limit: int = 20_000
    """Most targets merged into one batch; a single event with more is a batch of its own."""

    linger_milliseconds: int = 20
    """How long a drain waits for more when events arrive fast."""

    lowest_lane_every: int = 5
    """Every so many batches the lowest lane with pending events is served first, so that bulk never starves."""

    prefixes_depth: int = 50_000
    """Pending events of a lane above which many URLs of one folder are purged as a prefix."""

    everything_depth: int = 500_000
    """Pending events of a lane above which products that can be emptied are emptied."""

    modes: Mapping[str, str] = field(default_factory=dict)
    """What purges of a lane mean by going where neither the caller nor the rules say: `{"bulk": "invalidate"}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one batch may ask of a node, and one person of the whole."""

    plan_calls_limit: int = 20_000
    """Most requests to one node for one batch; a longer plan is widened to tags, prefixes, everything; 0 for any."""

    plan_cheaper_calls: int = 300
    """A plan of more requests to one node takes a wider verb, if at least half of what goes was named; 0 for never."""

    plan_price_limit_usd: float = 25.0
    """Most US dollars that one batch may cost at one node; a dearer plan is widened in the same way; 0 for any."""

    refresh_urls: int = 200
    """Most pages that are fetched again for one batch of the mode `refresh`, those that were rendered last."""

    refresh_requests_per_second: float = 50.0
    """At most so often is any node asked for one, by all workers together."""

    wide_share: float = 0.25
    """A purge by hand of more than this share of the known URLs is asked to be confirmed; 1 for never."""

    wide_urls: int = 1_000
    """A purge by hand of no more URLs than this is never asked to be confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """What happens when a purge fails."""

    max_attempts: int = 8
    """Attempts before a delivery is a dead letter."""

    backoff_base_seconds: float = 0.5
    """Upper bound of the first wait; doubles with every attempt."""

    backoff_cap_seconds: float = 300.0
    """Longest wait between two attempts."""

    give_up_seconds: float = 86_400.0
    """A delivery that was put off or polled for this long is a dead letter; also the longest pause a tier may ask."""

    breaker_failures: int = 5
    """Failures in a row after which a node's breaker opens: its deliveries wait without consuming attempts."""

    breaker_reset_seconds: float = 10.0
    """How long an open breaker keeps everybody away before one delivery tries the node again."""

    lease_seconds: float = 60.0
    """A delivery still running after this long belongs to a dead worker and is taken over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """The broker, and what beat looks after."""

    announce_timeout_seconds: float = 0.5
    """Bound on connecting to, and on each answer of, the broker when a commit is announced."""

    announce_pause_seconds: float = 5.0
    """After a failed announcement the process leaves the broker alone for this long; the sweep covers."""

    sweep_after_seconds: float = 5.0
    """A pending event or an idle delivery this old has lost its announcement."""

    sweep_interval_seconds: float = 5.0
    """How often beat looks for events and deliveries without an announcement."""

    schedule_interval_seconds: float = 0.5
    """How often beat looks for instants that have come (`Rules.changes_at`, `invalidate(at=…)`)."""

    rebound_interval_seconds: float = 1.0
    """How often beat looks for rebounds that are due; those found together become one."""

    verify_interval_seconds: float = 2.0
    """How often beat looks for batches to verify."""

    canary_interval_seconds: float = 300.0
    """How often beat puts a canary through every tier; 0 for only when asked."""

    retention_days: float = 14.0
    """Finished events, batches and deliveries are pruned after this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """Proof that purges worked, and where counters of caches are read."""

    verify_urls_per_batch: int = 3
    """Of each batch, how many URLs are asked for through every node once its rebound is over; 0 for none."""

    verify_requests_per_minute: int = 120
    """Most requests that verification makes, over all batches; batches beyond that are not verified."""

    varnish: tuple[str, ...] = ()
    """Varnish instances on this machine, as varnishd's -n names them, whose counters `cache_monitor` reads."""

    nginx: tuple[str, ...] = ()
    """Addresses that answer with Nginx' stub_status, which `cache_monitor` reads."""

    nginx_logs: tuple[str, ...] = ()
    """Logs on this machine whose lines are Nginx' `$upstream_cache_status`, which `cache_monitor` counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """What a deployment purges, warms and verifies."""

    critical_urls: tuple[str, ...] = ()
    """Paths or URLs that `warm_cache` fills first, and that `cache_deploy` verifies at every node."""

    tags: tuple[str, ...] = ()
    """Tags that `cache_deploy` purges: those of pages that a new release renders differently."""

    urls: tuple[str, ...] = ()
    """Paths or URLs that `cache_deploy` purges."""

    prefixes: tuple[str, ...] = ()
    """Paths or URLs below which `cache_deploy` purges everything, `/` for whole sites."""

    patterns: tuple[str, ...] = ()
    """Keys of the default cache that `cache_deploy` removes, with `*`, `?` and `[…]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, its unit in its name, its default here and nowhere else."""

    tiers: Mapping[str, Tier]
    """By name; the order of declaration carries no meaning, `fills_from` does."""

    sites: tuple[str, ...] = ()
    """Schemes and hosts that a path stands for; no other host is ever sent a purge."""

    databases: tuple[str, ...] = ("default",)
    """Aliases that hold an outbox."""

    redis_url: str = ""
    """Redis for the sequence, tag stamps and tag index; not evicting. Empty: those features are off."""

    longest_render_seconds: float = 10.0
    """No response takes longer than this from its first query to its last byte. With `REPLICA_LAG_SECONDS` it is how
    long after a purge caches are purged once more."""

    pages: Pages = Pages()

    freshness: Freshness = Freshness()

    index: Index = Index()

    backlog: Backlog = Backlog()

    limits: Limits = Limits()

    retry: Retry = Retry()

    workers: Workers = Workers()

    monitor: Monitor = Monitor()

    deploy: Deploy = Deploy()

    offline: bool = False
    """For tests: ask neither the broker nor any Redis; events are stored as ever, and no worker is told of them."""

    def sites_of(self, tier: str) -> tuple[str, ...]:
        """The sites that the tier serves."""
        return self.tiers[tier].sites or self.sites

    def manner(self, lane: str, mode: str | None) -> Manner:
        """The manner of an event whose caller names this mode, or none."""
        return Manner(lane, self.backlog.modes.get(str(lane), Mode.DELETE) if mode is None else mode)

    def mode_at(self, tier: str, manner: Manner) -> str:
        """What going means at one tier: its own mode has the last word, but nobody is shown what was taken down."""
        mode = (self.tiers[tier].mode if tier in self.tiers else "") or manner.mode
        return Mode.DELETE if (manner.lane, mode) == (Lane.TAKEDOWN, Mode.INVALIDATE) else mode

    def refreshing(self, names: Iterable[str], manner: Manner) -> list[str]:
        """Those of these tiers, of all where none is named, that are asked again for what was purged."""
        return [name for name in names or self.tiers if self.mode_at(name, manner) == Mode.REFRESH]

    def rebound_delay_seconds(self, names: Iterable[str]) -> float:
        """How long after a purge of these tiers they are purged again: the longest that any wants, 0 for not at all.

        A tier that was declared when its batch was claimed, and no longer is, wants nothing.
        """
        default = self.longest_render_seconds + self.freshness.replica_lag_seconds
        wanted = [self.tiers[name].rebound_seconds for name in names if name in self.tiers]
        return max((default if seconds is None else seconds for seconds in wanted), default=0.0)
