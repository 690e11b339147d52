"""settings.INVALIDATION, read once into typed frozen values; the only module that reads Django's settings for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from invalidation.lifetimes import PolicyRule, rule_of
from invalidation.parameters import Parameters
from invalidation.values import parts_of

#: Settings that are lists of strings.
TEXTS = (
    *("language_prefixes", "query_variants", "monitor_varnish", "monitor_nginx", "monitor_nginx_logs"),
    "critical_urls",
    *("deploy_tags", "deploy_urls", "deploy_prefixes", "deploy_patterns"),
)
#: A user name or password before the host, with or without a scheme.
CREDENTIALS_PATTERN = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?[^/?#]*@")
TIER_FIELDS = {"PROVIDER", "FILLS_FROM", "NODES", "OPTIONS", "REBOUND_SECONDS", "SITES"}


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

    redis_timeout_seconds: float = 0.25
    """Bound on one call to the Redis of `REDIS_URL` from a web request."""

    redis_pause_seconds: float = 2.0
    """After that Redis failed twice, how long only a thread in the background asks it; pages have a short life then."""

    announce_timeout_seconds: float = 0.5
    """Bound on connecting to, and on each answer of, the broker when a commit is announced."""

    announce_pause_seconds: float = 5.0
    """After a failed announcement the process leaves the broker alone for this long; the sweep covers."""

    claim_limit: int = 500
    """Most events merged into one batch."""

    batch_targets_limit: int = 20_000
    """Most targets merged into one batch; a single event with more is a batch of its own."""

    lowest_lane_every: int = 5
    """Every so many batches the lowest lane with pending events is served first, so that bulk never starves."""

    backlog_tags_depth: int = 10_000
    """Pending events of a lane above which URLs known to carry one of the batch's tags are left to the tags."""

    backlog_prefixes_depth: int = 50_000
    """Pending events of a lane above which many URLs of one folder are purged as a prefix."""

    backlog_everything_depth: int = 500_000
    """Pending events of a lane above which products that can be emptied are emptied."""

    plan_calls_limit: int = 20_000
    """Most requests to one node for one batch; a longer plan is widened to tags, prefixes, everything; 0 for any."""

    plan_cheaper_calls: int = 300
    """A plan of more requests to one node takes a wider verb, if at least half of what goes was named; 0 for never."""

    plan_price_limit_usd: float = 25.0
    """Most US dollars that one batch may cost at one node; a dearer plan is widened in the same way; 0 for any."""

    wide_share: float = 0.25
    """A purge by hand of more than this share of the known URLs is asked to be confirmed; 1 for never."""

    wide_urls: int = 1_000
    """A purge by hand of no more URLs than this is never asked to be confirmed."""

    language_prefixes: tuple[str, ...] = ()
    """First folders such as `de`: a path stands for the page in each of these languages, and for the one without."""

    trailing_slash_twins: bool = False
    """Does a path stand for the one with and the one without a slash at its end?"""

    query_variants: tuple[str, ...] = ()
    """Query strings such as `print=1`: a path without a query stands for itself with each of these too."""

    linger_milliseconds: int = 20
    """How long a drain waits for more when events arrive fast."""

    lease_seconds: float = 60.0
    """A delivery still running after this long belongs to a dead worker and is taken over."""

    max_attempts: int = 8
    """Attempts before a delivery is a dead letter."""

    give_up_seconds: float = 86_400.0
    """A delivery that was put off or polled for this long is a dead letter; also the longest pause a tier may ask."""

    breaker_failures: int = 5
    """Failures in a row after which a node's breaker opens: its deliveries wait without consuming attempts."""

    breaker_reset_seconds: float = 10.0
    """How long an open breaker keeps everybody away before one delivery tries the node again."""

    backoff_base_seconds: float = 0.5
    """Upper bound of the first wait; doubles with every attempt."""

    backoff_cap_seconds: float = 300.0
    """Longest wait between two attempts."""

    sweep_after_seconds: float = 5.0
    """A pending event or an idle delivery this old has lost its announcement."""

    sweep_interval_seconds: float = 5.0
    """How often beat looks for events and deliveries without an announcement."""

    schedule_interval_seconds: float = 0.5
    """How often beat looks for instants that have come (`Rules.changes_at`, `invalidate(at=…)`)."""

    retention_days: float = 14.0
    """Finished events, batches and deliveries are pruned after this long."""

    longest_render_seconds: float = 10.0
    """No response takes longer than this from its first query to its last byte. With `REPLICA_LAG_SECONDS` it is how
    long after a purge caches are purged once more."""

    transfer_seconds: float = 0.1
    """An answer is no longer on its way than this from the application to a cache, or from one to the next; each is
    purged again after it, before an event is done. 0: leave that to the rebound."""

    replica_lag_seconds: float = 0.0
    """Longest lag of a database replica that pages are rendered from."""

    degraded_ttl_seconds: int = 10
    """Shared lifetime of a response rendered while the freshness Redis was away."""

    index_ttl_seconds: int = 86_400
    """The tag index forgets a URL this long after its last render; at least the longest shared lifetime."""

    index_max_urls_per_tag: int = 10_000
    """Above this the tag overflows, and its purge widens to everything on tiers without tags."""

    index_max_urls: int = 1_000_000
    """Most URLs in the whole tag index; above this a tier that depends on it keeps new pages for a short time only."""

    index_max_bytes: int = 268_435_456
    """Most bytes that the tag index may take in Redis; above this the same as above `INDEX_MAX_URLS`."""

    rebound_interval_seconds: float = 1.0
    """How often beat looks for rebounds that are due; those found together become one."""

    verify_urls_per_batch: int = 3
    """Of each batch, how many URLs are asked for through every node once its rebound is over; 0 for none."""

    verify_requests_per_minute: int = 120
    """Most requests that verification makes, over all batches; batches beyond that are not verified."""

    verify_interval_seconds: float = 2.0
    """How often beat looks for batches to verify."""

    policy: tuple[PolicyRule, ...] = ()
    """Rules of CachePolicyMiddleware, the first that matches counts: `PATHS` or `VIEWS`, and the headers they get."""

    query_parameters: Parameters = Parameters()  # noqa: RUF009 (frozen)
    """Names of the query parameters that a page depends on: a list, or one for each pattern of paths. The proxies
    remove others; a page that was asked for with one has a short life. Without it every parameter counts."""

    release: str = ""
    """Name of the deployed code; part of every ETag of `conditional`, because a new template makes a new page."""

    canary_interval_seconds: float = 300.0
    """How often beat puts a canary through every tier; 0 for only when asked."""

    offline: bool = False
    """For tests: ask neither the broker nor any Redis; events are stored as ever, and no worker is told of them."""

    def sites_of(self, tier: str) -> tuple[str, ...]:
        """The sites that the tier serves."""
        return self.tiers[tier].sites or self.sites

    monitor_varnish: tuple[str, ...] = ()
    """Varnish instances on this machine, as varnishd's -n names them, whose counters `cache_monitor` reads."""

    monitor_nginx: tuple[str, ...] = ()
    """Addresses that answer with Nginx' stub_status, which `cache_monitor` reads."""

    monitor_nginx_logs: tuple[str, ...] = ()
    """Logs on this machine whose lines are Nginx' `$upstream_cache_status`, which `cache_monitor` counts."""

    critical_urls: tuple[str, ...] = ()
    """Paths or URLs that `warm_cache` fills first, and that `cache_deploy` verifies at every node."""

    deploy_tags: tuple[str, ...] = ()
    """Tags that `cache_deploy` purges: those of pages that a new release renders differently."""

    deploy_urls: tuple[str, ...] = ()
    """Paths or URLs that `cache_deploy` purges."""

    deploy_prefixes: tuple[str, ...] = ()
    """Paths or URLs below which `cache_deploy` purges everything, `/` for whole sites."""

    deploy_patterns: tuple[str, ...] = ()
    """Keys of the default cache that `cache_deploy` removes, with `*`, `?` and `[…]`."""

    def rebound_delay_seconds(self, names: Iterable[str]) -> float:
        """How long after a purge of these tiers they are purged again: the longest that any wants, 0 for not at all.

        A tier that was declared when its batch was claimed, and no longer is, wants nothing.
        """
        default = self.longest_render_seconds + self.replica_lag_seconds
        wanted = [self.tiers[name].rebound_seconds for name in names if name in self.tiers]
        return max((default if seconds is None else seconds for seconds in wanted), default=0.0)


def _tier(name: str, declared: Mapping[str, Any]) -> Tier:
    """One entry of TIERS, checked for misspelt and missing names."""
    _mapping(f"TIERS'][{name!r}", declared)
    if unknown := set(declared) - TIER_FIELDS:
        raise ImproperlyConfigured(
            f"INVALIDATION['TIERS'][{name!r}] has unknown names {sorted(unknown)}; use {sorted(TIER_FIELDS)}."
        )
    if not isinstance(declared.get("PROVIDER"), str):
        raise ImproperlyConfigured(f"INVALIDATION['TIERS'][{name!r}] needs a 'PROVIDER', the dotted path of a class.")
    place = f"TIERS'][{name!r}]['"
    nodes = tuple(node.rstrip("/") for node in _texts(f"{place}NODES", declared.get("NODES", ()))) or ("",)
    _without_credentials(f"{place}NODES", nodes)
    rebound = declared.get("REBOUND_SECONDS")
    if rebound is not None and not (isinstance(rebound, int | float) and rebound >= 0):
        raise ImproperlyConfigured(f"INVALIDATION['TIERS'][{name!r}]['REBOUND_SECONDS'] takes seconds, 0 for never.")
    return Tier(
        name=name,
        provider=declared["PROVIDER"],
        fills_from=_texts(f"{place}FILLS_FROM", declared.get("FILLS_FROM", ())),
        nodes=nodes,
        options=dict(_mapping(f"{place}OPTIONS", declared.get("OPTIONS", {}))),
        rebound_seconds=rebound,
        sites=tuple(map(_site, _texts(f"{place}SITES", declared.get("SITES", ())))),
    )


def _without_credentials(name: str, urls: Iterable[str]) -> None:
    """Nodes and sites are shown in lists, logs and metrics, so no secret may be a part of them; nor of this message."""
    if any(CREDENTIALS_PATTERN.match(url) for url in urls):
        raise ImproperlyConfigured(
            f"INVALIDATION['{name}'] holds a URL with a user name or password. Take both out of it, for nodes and "
            "sites are shown to people; what a cache asks for goes into its tier's OPTIONS, such as 'SECRET'."
        )


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ImproperlyConfigured(f"INVALIDATION['{name}'] takes a dictionary whose keys are strings.")
    return value


def _listed(name: str, values: Any) -> Iterable[Any]:
    if not isinstance(values, list | tuple):
        raise ImproperlyConfigured(f"INVALIDATION['{name}'] takes a list.")
    return values


def _texts(name: str, values: Any) -> tuple[str, ...]:
    """A list of strings; a lone string would be taken for its letters."""
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) and value for value in values):
        raise ImproperlyConfigured(f"INVALIDATION['{name}'] takes a list of strings.")
    return tuple(values)


def _site(site: str) -> str:
    """An origin without a trailing slash, its host in lower case."""
    _without_credentials("SITES", [site])
    parts = parts_of(site)
    if not parts or parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        raise ImproperlyConfigured(
            f"INVALIDATION['SITES'] holds {site!r}; write a scheme and host, such as 'https://example.com'."
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def parse(declared: Mapping[str, Any]) -> Settings:
    """Turn the dictionary of the settings module into Settings.

    Raises:
        ImproperlyConfigured: a name is unknown or a value can't be used; the message names the fix.
    """
    known = {setting.name.upper(): setting for setting in fields(Settings)}
    if unknown := set(declared) - set(known):
        raise ImproperlyConfigured(f"INVALIDATION has unknown settings {sorted(unknown)}; known are {sorted(known)}.")
    values: dict[str, Any] = {known[name].name: value for name, value in declared.items()}
    for name, value in values.items():
        default = known[name.upper()].default
        if default is not MISSING and isinstance(default, int | float) and not isinstance(value, int | float):
            raise ImproperlyConfigured(f"INVALIDATION[{name.upper()!r}] takes a number, not {value!r}.")
    values["tiers"] = {name: _tier(name, tier) for name, tier in _mapping("TIERS", values.get("tiers", {})).items()}
    values["sites"] = tuple(map(_site, _texts("SITES", values.get("sites", ()))))
    values["policy"] = tuple(rule_of(_mapping("POLICY", rule)) for rule in _listed("POLICY", values.get("policy", ())))
    values["query_parameters"] = Parameters.of(values.get("query_parameters", {}))
    values["databases"] = _texts("DATABASES", values.get("databases", ("default",)))
    for name in TEXTS:
        values[name] = _texts(name.upper(), values.get(name, ()))
    settings = Settings(**values)
    for tier in settings.tiers.values():
        if foreign := sorted(set(tier.sites) - set(settings.sites)):
            raise ImproperlyConfigured(f"INVALIDATION['TIERS'][{tier.name!r}]['SITES'] names {foreign}, SITES doesn't.")
    return settings


@cache
def settings() -> Settings:
    """The settings in force, parsed once per process (again after a test overrides them)."""
    return parse(getattr(django_settings, "INVALIDATION", {}))


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "INVALIDATION":
        settings.cache_clear()


setting_changed.connect(_forget, dispatch_uid="invalidation.conf")
